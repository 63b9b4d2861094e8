// Loads of ascending keys: when the store is scanned ahead of them, how far, and that no answer is
// older than what a store read would have given.
#include "cache/read_ahead.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "support/changes.h"
#include "support/random_trace.h"
#include "support/reversed_store.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

constexpr std::uint64_t kRun = 4096;  // bytes, unless said
constexpr std::uint64_t kMemory = 256 * kRun;

std::string Key(std::size_t number) {
  const std::string digits = std::to_string(number);
  return "key" + std::string(6 - digits.size(), '0') + digits;
}

// Counts what is asked of the store underneath.
class CountingStore final : public Store {
 public:
  explicit CountingStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    ++gets;
    return inner_->Get(key, receive);
  }
  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    return inner_->Write(batch, options);
  }
  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    ++scans;
    limits.push_back(options.limit);
    return inner_->Scan(options, visit);
  }
  int Compare(std::string_view a, std::string_view b) const override {
    return inner_->Compare(a, b);
  }

  int gets = 0;
  int scans = 0;
  std::vector<std::size_t> limits;

 private:
  const std::unique_ptr<Store> inner_;
};

// A store of pairs with keys in order, read through a ReadAhead.
struct Reader {
  explicit Reader(std::size_t pairs, std::size_t value_bytes = 20, std::uint64_t memory = kMemory,
                  std::unique_ptr<Store> inner = MakeMemoryStore())
      : store(std::move(inner)), ahead(store, ~std::uint64_t{0}, memory) {
    Batch batch;
    for (std::size_t i = 0; i < pairs; ++i) batch.Put(Key(i), ValueOf(i, value_bytes));
    REQUIRE(store.Write(batch, {}));
  }
  static std::string ValueOf(std::size_t number, std::size_t bytes) {
    std::string value = std::to_string(number);
    value.resize(std::max(bytes, value.size()), '.');
    return value;
  }

  // True when it was read ahead.
  bool Get(const std::string& key, const std::string& expected) {
    std::string value(kAbsent);
    const auto answer = ahead.Get(key, [&](std::string_view bytes) { value = bytes; });
    REQUIRE(answer.found);
    CHECK(*answer.found == (expected != kAbsent));
    CHECK(value == expected);
    return answer.ahead;
  }
  bool Get(std::size_t number, std::size_t value_bytes = 20) {
    return Get(Key(number), ValueOf(number, value_bytes));
  }

  CountingStore store;
  ReadAhead ahead;
};

TEST_CASE("read ahead: from the third of ascending keys on, in runs that grow up to their bytes") {
  Reader reader(4000);
  int ahead = 0;
  for (std::size_t i = 0; i < 4000; ++i) ahead += reader.Get(i) ? 1 : 0;
  CHECK(reader.store.gets == 2);
  // 32 bytes beside the 29 of a pair.
  constexpr std::size_t kMost = kRun / (32 + 29);
  CHECK(reader.store.limits[0] == 8);
  CHECK(reader.store.limits[1] == 16);
  CHECK(reader.store.limits[2] == 32);
  CHECK(reader.store.limits[3] == 64);
  CHECK(reader.store.scans == 4 + (4000 - 2 - 56 - 64 + kMost - 1) / kMost);
  CHECK(ahead == 4000 - 2 - reader.store.scans);
}

TEST_CASE("read ahead: what ascends in another order is another order's") {
  Reader reader(1000, 20, kMemory, std::make_unique<ReversedStore>());
  for (std::size_t i = 0; i < 500; ++i) reader.Get(i);
  CHECK(reader.store.scans == 0);
  for (std::size_t i = 500; i-- > 0;) reader.Get(i);
  CHECK(reader.store.gets == 500 + 2);
}

TEST_CASE("read ahead: where keys come at random the store is scanned next to never") {
  Reader reader(10'000);
  Random random(Seed());
  for (int i = 0; i < 100'000; ++i) reader.Get(Below(random, 10'000));
  CHECK(reader.store.scans < 20);
}

TEST_CASE("read ahead: where ascending keys are far apart, ever more are wanted before a scan") {
  Reader reader(100'000);
  for (std::size_t i = 0; i < 10'000; ++i) reader.Get(i * 10);
  CHECK(reader.store.scans < 20);
  // And a long sequence is found all the same.
  for (std::size_t i = 0; i < 2'000; ++i) reader.Get(i);
  const int gets = reader.store.gets;
  for (std::size_t i = 2'000; i < 10'000; ++i) reader.Get(i);
  CHECK(reader.store.gets == gets);
}

TEST_CASE("read ahead: keys passed over, keys that there are not, and others in between") {
  Reader reader(1000);
  for (std::size_t i = 0; i < 16; ++i) reader.Get(i);  // the run ends with 25
  CHECK(reader.Get(17));
  CHECK_FALSE(reader.Get(Key(17) + "a", std::string(kAbsent)));
  CHECK(reader.Get(18));
  CHECK_FALSE(reader.Get(16));   // passed
  CHECK_FALSE(reader.Get(900));  // far away
  CHECK(reader.Get(19));
  CHECK(reader.Get(25));
  CHECK_FALSE(reader.Get(26));  // the next run begins with it
  CHECK(reader.Get(27));
}

TEST_CASE("read ahead: values too large for a run are read one by one") {
  constexpr std::size_t kLarge = kRun;
  Reader reader(1000, kLarge);
  for (std::size_t i = 0; i < 1000; ++i) CHECK_FALSE(reader.Get(i, kLarge));
  CHECK(reader.store.gets == 1000);
  CHECK(reader.store.scans < 10);
}

TEST_CASE("read ahead: values of which a run holds one are read one by one") {
  constexpr std::size_t kLarge = kRun * 3 / 4;
  Reader reader(1000, kLarge);
  for (std::size_t i = 0; i < 1000; ++i) CHECK_FALSE(reader.Get(i, kLarge));
  CHECK(reader.store.scans < 10);
}

TEST_CASE("read ahead: nothing without memory, and again with some") {
  Reader reader(1000, 20, 0);
  for (std::size_t i = 0; i < 500; ++i) reader.Get(i);
  CHECK(reader.store.scans == 0);
  reader.ahead.SetMemory(kMemory);
  for (std::size_t i = 500; i < 1000; ++i) reader.Get(i);
  CHECK(reader.store.gets == 500 + 2);
}

TEST_CASE("read ahead: each thread has a run of its own") {
  Reader reader(2000);
  const auto read = [&](std::size_t from) {
    for (std::size_t i = from; i < from + 100; ++i) reader.Get(i);
  };
  read(0);
  std::thread(read, 1000).join();
  CHECK(reader.store.gets == 4);
  read(100);
  CHECK(reader.store.gets == 4);
}

TEST_CASE("read ahead: a change ends all runs, and while it lasts none is taken") {
  Reader reader(1000);
  for (std::size_t i = 0; i < 20; ++i) reader.Get(i);
  reader.ahead.Forget();
  CHECK_FALSE(reader.Get(20));
  {
    const ReadAhead::Change change(reader.ahead);
    const int scans = reader.store.scans;
    for (std::size_t i = 100; i < 200; ++i) CHECK_FALSE(reader.Get(i));
    CHECK(reader.store.scans == scans);
  }
  CHECK_FALSE(reader.Get(200));
  CHECK(reader.Get(201));
}

// --- In a cache ---

// "k" and its neighbours are in the store.
void PutAlphabet(Scene& scene) {
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    if (letter != 'k') scene.PutBehind(std::string(1, letter), "v");
  }
}

// Reads "c" to "e", after which "k" has been read ahead; returns the last answer.
std::string ReadUpToRun(Scene& scene) {
  for (const char* key : {"c", "d"}) CHECK(scene.Look(key) == "v, read");
  return scene.Look("e");
}

TEST_CASE("what was read ahead is loaded as if the store had been read, which it was not") {
  ForEachPolicy([](Scene& scene) {
    PutAlphabet(scene);
    scene.PutBehind("k", "old");
    CHECK(ReadUpToRun(scene) == "v, read");
    CHECK(scene.Look("k") == "old, read");
    CHECK(scene.Look("k") == "old, hit");
    CHECK(scene.store().reads("k") == 0);
    const ShardStats stats = scene.stats();
    CHECK(stats.loads == 4);
    CHECK(stats.loads_ahead == 1);
    CHECK(stats.entries == 4);
    CHECK(scene.cache().GetStats().load_latency.count() == 3);  // reads of the store
  });
}

TEST_CASE("after any change nobody gets what was read ahead before it") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    PutAlphabet(scene);
    ReadUpToRun(scene);
    Apply(scene, change);
    CHECK(scene.Look("k") == FirstLookAfter(change));
    CHECK(scene.stats().loads_ahead == 0);
    scene.CheckSettled("k");
  });
}

void CheckChangeDuringScan(Point point) {
  ForEach(AllChanges(), [&](Scene& scene, const Change& change) {
    PutAlphabet(scene);
    const auto gate = scene.store().Hold(point);
    Task reader([&] {
      ReadUpToRun(scene);
      return scene.Look("k");
    });
    gate->AwaitArrival();
    Apply(scene, change);
    gate->Open();
    CHECK(reader.Join() == FirstLookAfter(change));
    CHECK(scene.stats().loads_ahead == 0);
    scene.CheckSettled("k");
  });
}

TEST_CASE("nor what was being read ahead when the change came") {
  CheckChangeDuringScan(Point::kBeforeScan);
  CheckChangeDuringScan(Point::kAfterScan);
}

TEST_CASE("while a write is under way nothing is read ahead") {
  ForEach(Writes(), [](Scene& scene, const Change& change) {
    PutAlphabet(scene);
    const auto gate = scene.store().Hold(Point::kBeforeWrite);
    Task writer = Start(scene, change);
    gate->AwaitArrival();
    for (const char* key : {"a", "b", "c", "d", "e", "f"}) CHECK(scene.Look(key) == "v, read");
    CHECK(scene.Look("k") == "old, read");
    gate->Open();
    CHECK(writer.Join() == "ok");
    scene.CheckSettled("k");
  });
}

TEST_CASE("a scan ahead that fails fails nobody") {
  for (const Fault fault : {Fault::kError, Fault::kException, Fault::kBadAlloc}) {
    ForEachPolicy([&](Scene& scene) {
      PutAlphabet(scene);
      scene.PutBehind("k", "old");
      scene.faults().FailNextScan(fault);
      CHECK(ReadUpToRun(scene) == "v, read");
      CHECK(scene.Look("k") == "old, read");
      CHECK(scene.stats().load_errors == 0);
      CHECK(scene.stats().loads_ahead == 0);
    });
  }
}

TEST_CASE("with read_ahead = 0 each load reads the store") {
  Options options = Capacity(std::uint64_t{8} << 20, 2);
  options.read_ahead = 0;
  ForEachPolicy(options, [](Scene& scene) {
    PutAlphabet(scene);
    scene.PutBehind("k", "old");
    ReadUpToRun(scene);
    CHECK(scene.Look("k") == "old, read");
    CHECK(scene.store().reads("k") == 1);
  });
}

TEST_CASE("a new capacity is a new bound for what is read ahead") {
  ForEachPolicy([](Scene& scene) {
    PutAlphabet(scene);
    CHECK(scene.cache().SetCapacity(0));
    ReadUpToRun(scene);
    CHECK(scene.Look("f") == "v, read");
    CHECK(scene.store().reads("f") == 1);
    CHECK(scene.cache().SetCapacityEntries(100));
    ReadUpToRun(scene);
    CHECK(scene.Look("f") == "v, read");
    CHECK(scene.store().reads("f") == 1);
    CHECK(scene.cache().SetCapacityEntries(0));
    scene.cache().InvalidateAll();
    ReadUpToRun(scene);
    CHECK(scene.Look("f") == "v, read");
    CHECK(scene.store().reads("f") == 2);
  });
}

}  // namespace
}  // namespace kvcache::testing
