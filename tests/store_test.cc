// What every Store must do, checked on each that the library has, in every order of keys.
#include <doctest/doctest.h>
#include <rocksdb/memtablerep.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness.h"
#include "kvcache/memory_store.h"
#include "kvcache/rocksdb.h"
#include "support/shortlex.h"
#include "support/temp_folder.h"

namespace kvcache {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;
using Order = std::function<bool(std::string_view, std::string_view)>;

bool Bytewise(std::string_view a, std::string_view b) { return a < b; }
bool ReverseBytewise(std::string_view a, std::string_view b) { return a > b; }
bool ShortFirst(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

std::unique_ptr<Store> MakeRocksDb(const std::string& path, const rocksdb::Comparator* comparator) {
  rocksdb::Options options;
  options.comparator = comparator;
  options.create_if_missing = true;
  // Small, so that a test goes through memtables, files and compactions.
  options.write_buffer_size = 64 << 10;
  options.level0_file_num_compaction_trigger = 2;
  // A scan must pass over keys that have another extracted prefix than those where it begins.
  options.prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(1));
  options.memtable_factory.reset(rocksdb::NewHashSkipListRepFactory(100));
  options.allow_concurrent_memtable_write = false;
  RocksDbOptions open_options;
  open_options.rocksdb_options = &options;
  auto store = OpenRocksDb(path, open_options);
  REQUIRE_MESSAGE(store.has_value(), store.error().message);
  return std::move(*store);
}

struct Memory {
  static std::unique_ptr<Store> Make(const std::string&) { return MakeMemoryStore(); }
  static Order Less() { return Bytewise; }
};
struct RocksDb {
  static std::unique_ptr<Store> Make(const std::string& path) {
    return MakeRocksDb(path, rocksdb::BytewiseComparator());
  }
  static Order Less() { return Bytewise; }
};
struct RocksDbReverse {
  static std::unique_ptr<Store> Make(const std::string& path) {
    return MakeRocksDb(path, rocksdb::ReverseBytewiseComparator());
  }
  static Order Less() { return ReverseBytewise; }
};
struct RocksDbShortlex {
  static std::unique_ptr<Store> Make(const std::string& path) {
    static const testing::Shortlex kShortlex;
    return MakeRocksDb(path, &kShortlex);
  }
  static Order Less() { return ShortFirst; }
};

#define ALL_STORES Memory, RocksDb, RocksDbReverse, RocksDbShortlex

// The store and the naive model that it must agree with.
template <class Kind>
class Fixture {
 public:
  void Write(const Batch& batch) {
    REQUIRE(store_->Write(batch, {}).has_value());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const Operation step = batch[i];
      const std::string key(step.key);
      if (step.kind == Operation::Kind::kPut) model_.insert_or_assign(key, step.value);
      if (step.kind == Operation::Kind::kDelete) model_.erase(key);
      if (step.kind == Operation::Kind::kDeleteRange) {
        std::erase_if(model_, [&](const auto& pair) {
          return !less_(pair.first, key) && less_(pair.first, step.value);
        });
      }
    }
  }

  void Put(std::string_view key, std::string_view value) {
    Batch batch;
    batch.Put(key, value);
    Write(batch);
  }

  Pairs Scan(const ScanOptions& options) {
    Pairs pairs;
    const auto done = store_->Scan(options, [&](std::string_view key, std::string_view value) {
      pairs.emplace_back(key, value);
      return true;
    });
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    return pairs;
  }

  Pairs ScanModel(const ScanOptions& options) const {
    Pairs pairs;
    const auto add = [&](const auto& pair) {
      const std::string& key = pair.first;
      if (options.range.from && less_(key, *options.range.from)) return;
      if (options.range.to && !less_(key, *options.range.to)) return;
      if (options.prefix && !key.starts_with(*options.prefix)) return;
      if (options.limit == 0 || pairs.size() < options.limit) pairs.push_back(pair);
    };
    if (options.reverse) {
      std::for_each(model_.rbegin(), model_.rend(), add);
    } else {
      std::for_each(model_.begin(), model_.end(), add);
    }
    return pairs;
  }

  std::string ModelGet(std::string_view key) const {
    const auto found = model_.find(std::string(key));
    return found == model_.end() ? "(absent)" : found->second;
  }

  std::string Get(std::string_view key) {
    std::string value = "(absent)";
    const auto found = store_->Get(key, [&](std::string_view bytes) { value = bytes; });
    REQUIRE(found.has_value());
    CHECK(*found == (value != "(absent)"));
    return value;
  }

  std::vector<std::string> MultiGet(const std::vector<std::string>& keys) {
    std::vector<std::string> values(keys.size(), "(absent)");
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    const auto answers = store_->MultiGet(
        views, [&](std::size_t i, std::string_view bytes) { values.at(i) = bytes; });
    REQUIRE(answers.size() == keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      REQUIRE(answers[i].has_value());
      CHECK(*answers[i] == (values[i] != "(absent)"));
    }
    return values;
  }

  Store& store() { return *store_; }

 private:
  const testing::TempFolder folder_;
  const Order less_ = Kind::Less();
  std::unique_ptr<Store> store_ = Kind::Make(folder_ / "db");
  std::map<std::string, std::string, Order> model_{less_};
};

// Few enough to meet often, and with the bytes that orders and prefixes stumble over.
std::string RandomKey(std::mt19937_64& random) {
  std::string key(random() % 5, '\0');
  for (char& c : key) c = "\0\1a\xfe\xff"[random() % 5];
  return key;
}

Batch RandomBatch(std::mt19937_64& random) {
  Batch batch;
  for (std::uint64_t steps = random() % 6; steps > 0; --steps) {
    const std::uint64_t kind = random() % 16;
    if (kind == 0) {
      batch.DeleteRange(RandomKey(random),
                        RandomKey(random));  // half of them end before they begin
    } else if (kind < 5) {
      batch.Delete(RandomKey(random));
    } else {
      batch.Put(RandomKey(random), std::string(random() % 300, static_cast<char>(random())));
    }
  }
  return batch;
}

ScanOptions RandomScan(std::mt19937_64& random) {
  ScanOptions options;
  if (random() % 2 == 0) options.range.from = RandomKey(random);
  if (random() % 2 == 0) options.range.to = RandomKey(random);
  if (random() % 2 == 0) options.prefix = RandomKey(random).substr(0, 2);
  if (random() % 2 == 0) options.limit = random() % 20;
  options.reverse = random() % 2 == 0;
  return options;
}

TEST_CASE_TEMPLATE("random operations agree with a naive model", Kind, ALL_STORES) {
  std::mt19937_64 random(testing::Seed());
  Fixture<Kind> fixture;
  for (int step = 0; step < 4000; ++step) {
    CAPTURE(step);
    fixture.Write(RandomBatch(random));
    const std::string key = RandomKey(random);
    REQUIRE(fixture.Get(key) == fixture.ModelGet(key));

    std::vector<std::string> keys(random() % 40);
    for (std::string& one : keys) one = RandomKey(random);  // some twice
    const std::vector<std::string> values = fixture.MultiGet(keys);
    for (std::size_t i = 0; i < keys.size(); ++i) REQUIRE(values[i] == fixture.ModelGet(keys[i]));

    const ScanOptions options = RandomScan(random);
    REQUIRE(fixture.Scan(options) == fixture.ScanModel(options));
  }
  CHECK(fixture.Scan({}) == fixture.ScanModel({}));
}

TEST_CASE_TEMPLATE("keys and values may be empty, binary and large", Kind, ALL_STORES) {
  Fixture<Kind> fixture;
  const std::string large(1 << 20, 'x');
  const std::string binary("\0\n\t\xff\0", 5);
  fixture.Put("", "of the empty key");
  fixture.Put("empty", "");
  fixture.Put(binary, binary);
  fixture.Put(large, large);
  CHECK(fixture.Get("") == "of the empty key");
  CHECK(fixture.Get("empty") == "");
  CHECK(fixture.Get(binary) == binary);
  CHECK((fixture.Get(large) == large));
  CHECK((fixture.MultiGet({large, "", "none"}) ==
         std::vector<std::string>{large, "of the empty key", "(absent)"}));
  CHECK((fixture.Scan({}) == fixture.ScanModel({})));
}

TEST_CASE_TEMPLATE("of a batch's steps on one key the last decides", Kind, ALL_STORES) {
  Fixture<Kind> fixture;
  const std::string first = Kind::Less()("a", "z") ? "a" : "z";
  const std::string last = first == "a" ? "z" : "a";
  Batch batch;
  batch.Put("k", "1");
  batch.DeleteRange(first, last);
  batch.Put("k", "2");
  batch.Put("m", "1");
  batch.Delete("m");
  fixture.Write(batch);
  CHECK(fixture.Get("k") == "2");
  CHECK(fixture.Get("m") == "(absent)");
}

// RocksDB itself would apply what stands before such a range, then fail, then refuse all writes.
TEST_CASE_TEMPLATE("a range that ends before it begins deletes nothing", Kind, ALL_STORES) {
  Fixture<Kind> fixture;
  const std::string first = Kind::Less()("a", "z") ? "a" : "z";
  const std::string last = first == "a" ? "z" : "a";
  Batch batch;
  batch.Put("k", "1");
  batch.DeleteRange(last, first);
  batch.DeleteRange("k", "k");
  batch.Put("m", "2");
  fixture.Write(batch);
  CHECK(fixture.Get("k") == "1");
  CHECK(fixture.Get("m") == "2");
  fixture.Put("n", "3");
  CHECK(fixture.Get("n") == "3");
}

TEST_CASE_TEMPLATE("a scan ends when its visitor says so", Kind, ALL_STORES) {
  Fixture<Kind> fixture;
  for (const char* key : {"a", "b", "c", "d"}) fixture.Put(key, key);
  int visited = 0;
  const auto visit = [&](std::string_view, std::string_view) { return ++visited < 2; };
  CHECK(fixture.store().Scan({}, visit).has_value());
  CHECK(visited == 2);
}

TEST_CASE_TEMPLATE("a scan sees one moment, and its visitor may write", Kind, ALL_STORES) {
  Fixture<Kind> fixture;
  for (const char* key : {"a", "b", "c", "d"}) fixture.Put(key, key);
  const Pairs before = fixture.ScanModel({});
  Pairs seen;
  const auto done = fixture.store().Scan({}, [&](std::string_view key, std::string_view value) {
    seen.emplace_back(key, value);
    Batch batch;
    for (const char* other : {"a", "bb", "d"}) batch.Put(other, "later");
    batch.Delete("c");
    return fixture.store().Write(batch, {}).has_value();
  });
  CHECK(done.has_value());
  CHECK(seen == before);
}

TEST_CASE_TEMPLATE("a receiver may call the store", Kind, ALL_STORES) {
  Fixture<Kind> fixture;
  fixture.Put("a", "1");
  const auto found = fixture.store().Get("a", [&](std::string_view value) {
    fixture.Put("b", value);
    fixture.Put("a", "2");
    CHECK(value == "1");
  });
  CHECK(found == true);
  CHECK(fixture.Get("b") == "1");
}

TEST_CASE_TEMPLATE("Compare is the store's order", Kind, ALL_STORES) {
  std::mt19937_64 random(testing::Seed());
  Fixture<Kind> fixture;
  for (int i = 0; i < 1000; ++i) {
    const std::string a = RandomKey(random);
    const std::string b = RandomKey(random);
    CAPTURE(a);
    CAPTURE(b);
    CHECK((fixture.store().Compare(a, b) < 0) == Kind::Less()(a, b));
    CHECK((fixture.store().Compare(a, b) == 0) == (a == b));
  }
}

TEST_CASE_TEMPLATE("only a secondary catches up", Kind, ALL_STORES) {
  Fixture<Kind> fixture;
  const auto caught_up = fixture.store().CatchUp();
  REQUIRE_FALSE(caught_up.has_value());
  CHECK(caught_up.error().code == ErrorCode::kNotSupported);
}

// No more than a store must have; tells of its calls.
class PlainStore final : public Store {
 public:
  std::string calls;

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    calls += "Get " + std::string(key) + ";";
    if (key == "bad") return Fail(ErrorCode::kIoError, "bad");
    if (key == "none") return false;
    receive(key);
    return true;
  }
  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      calls += batch[i].kind == Operation::Kind::kPut ? "Put " : "Delete ";
      calls += std::string(batch[i].key) + "=" + std::string(batch[i].value);
    }
    calls += options.sync ? " sync;" : ";";
    return Fail(ErrorCode::kReadOnly, "no writes");
  }
  Result<void> Scan(const ScanOptions&, const ScanVisitor&) override { return {}; }
};

TEST_CASE("what a store need not have: MultiGet by Get, Put and Delete by Write, bytewise order") {
  PlainStore store;
  std::string received;
  const std::vector<std::string_view> keys = {"a", "none", "bad", "b"};
  const auto answers = store.MultiGet(keys, [&](std::size_t i, std::string_view value) {
    received += std::to_string(i) + "=" + std::string(value) + ";";
  });
  REQUIRE(answers.size() == 4);
  CHECK((answers[0] == true && answers[1] == false && answers[3] == true));
  CHECK(answers[2].error().message == "bad");
  CHECK(received == "0=a;3=b;");
  CHECK(store.Put("k", "v", {.sync = true}).error().code == ErrorCode::kReadOnly);
  CHECK(store.Delete("k", {}).error().code == ErrorCode::kReadOnly);
  CHECK(store.calls == "Get a;Get none;Get bad;Get b;Put k=v sync;Delete k=;");
  CHECK(store.Compare("a", "b") < 0);
  CHECK(store.Compare("\xff", "a") > 0);
  CHECK(store.Compare("a", "a") == 0);
  CHECK(store.CatchUp().error().code == ErrorCode::kNotSupported);
  CHECK(store.Describe().empty());
}

TEST_CASE("a batch keeps what it was given") {
  Batch batch;
  CHECK(batch.empty());
  {
    const std::string key = "key", value = "value";
    batch.Put(key, value);
    batch.Delete(key);
    batch.DeleteRange(key, value);
  }
  REQUIRE(batch.size() == 3);
  CHECK(batch.bytes() == 3 + 5 + 3 + 3 + 5);
  CHECK(batch[0].kind == Operation::Kind::kPut);
  CHECK(batch[0].key == "key");
  CHECK(batch[0].value == "value");
  CHECK(batch[1].kind == Operation::Kind::kDelete);
  CHECK(batch[1].key == "key");
  CHECK(batch[1].value == "");
  CHECK(batch[2].kind == Operation::Kind::kDeleteRange);
  CHECK(batch[2].value == "value");
  batch.Clear();
  CHECK(batch.empty());
  CHECK(batch.bytes() == 0);
}

}  // namespace
}  // namespace kvcache
