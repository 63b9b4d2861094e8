// Values of 1 GiB, and of 4 GiB, which the tier does not take; keys that RocksDB does not.
// --no-skip runs what takes long, too.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/pages.h"
#include "harness.h"
#include "kvcache/cache.h"
#include "support/proc.h"
#include "support/rocksdb_db.h"
#include "support/sanitizers.h"
#include "support/temp_folder.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kGiB = std::size_t{1} << 30;

// Bytes that are pages of zeros until they are written.
class Pages {
 public:
  explicit Pages(std::size_t size) : size_(size), bytes_(static_cast<char*>(MapPages(size))) {
    REQUIRE(bytes_ != nullptr);
  }
  ~Pages() { UnmapPages(bytes_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  char& operator[](std::size_t i) { return bytes_[i]; }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  const std::size_t size_;
  char* const bytes_;
};

// Has one value, whatever the key, and takes writes without keeping them: copies of 1 GiB are the
// cache's alone.
class OneValueStore final : public Store {
 public:
  explicit OneValueStore(std::string_view value) : value_(value) {}

  Result<bool> Get(std::string_view, const Receiver& receive) override {
    receive(value_);
    return true;
  }
  Result<void> Write(const Batch& batch, const WriteOptions&) override {
    CHECK(batch[0].value.size() == value_.size());
    return {};
  }
  Result<void> Put(std::string_view, std::string_view value, const WriteOptions&) override {
    CHECK(value.data() == value_.data());
    return {};
  }
  Result<void> Scan(const ScanOptions&, const ScanVisitor&) override { return {}; }

 private:
  const std::string_view value_;
};

// Whether the case is to be skipped, which it says.
bool LacksMemory(std::size_t wanted) {
  const bool lacks = kSanitized || MachineBytes("MemAvailable") < wanted;
  if (kSanitized) Skip("a GiB under a sanitizer takes several, and minutes");
  if (lacks && !kSanitized) Skip(std::to_string(wanted / kGiB) + " GiB of memory not available");
  return lacks;
}

void Mark(Pages& pages, std::size_t size) {
  pages[0] = 'a';
  pages[size / 2] = 'b';
  pages[size - 1] = 'c';
}
bool HasMarks(std::string_view bytes, std::size_t size) {
  return bytes.size() == size && bytes.front() == 'a' && bytes[size / 2] == 'b' &&
         bytes.back() == 'c';
}

TEST_CASE("a value of 1 GiB is served by a small tier and cached by a large one") {
  if (LacksMemory(6 * kGiB)) return;
  Pages value(kGiB);
  Mark(value, kGiB);
  const Options options = {.capacity = std::uint64_t{64} << 20, .shards = 1};
  auto cache = Cache::Open(options, std::make_unique<OneValueStore>(value.view()));
  REQUIRE(cache);
  {
    REQUIRE(Text((*cache)->Put("k", value.view())) == "ok");
    const auto served = (*cache)->Get("k");
    REQUIRE((served && *served));
    CHECK_FALSE((*served)->hit());
    CHECK(HasMarks(**served, kGiB));
    CHECK((*cache)->GetStats().total.entries == 0);
  }
  REQUIRE(Text((*cache)->SetCapacity(3 * kGiB)) == "ok");
  for (const bool hit : {false, true}) {
    const auto served = (*cache)->Get("k");
    REQUIRE((served && *served));
    CHECK((*served)->hit() == hit);
    CHECK(HasMarks(**served, kGiB));
  }
  CHECK((*cache)->GetStats().total.bytes > kGiB);

  // It gives way, and its memory goes back with the last who holds it.
  auto held = (*cache)->Get("k");
  REQUIRE(Text((*cache)->SetCapacity(0)) == "ok");
  CHECK((*cache)->GetStats().pinned_bytes > kGiB);
  CHECK(HasMarks(**held, kGiB));
  const std::uint64_t before = ResidentBytes();
  held->reset();
  CHECK((*cache)->GetStats().pinned_bytes == 0);
  CHECK(before - ResidentBytes() > kGiB / 2);
}

TEST_CASE("a value of 1 GiB over RocksDB: put, read, scanned, and there after reopening" *
          doctest::skip()) {
  if (LacksMemory(8 * kGiB)) return;
  const TempFolder folder;
  if (std::filesystem::space(folder.path()).available < 4 * kGiB) {
    return Skip("less than 4 GiB of disk available");
  }
  Pages value(kGiB);
  Mark(value, kGiB);
  const Options options = {.path = folder / "db", .capacity = 3 * kGiB, .shards = 1};
  {
    auto cache = Cache::Open(options);
    REQUIRE(cache);
    REQUIRE(Text((*cache)->Put("k", value.view(), {.fill_tier = false})) == "ok");
    const auto served = (*cache)->Get("k");
    REQUIRE((served && *served));
    CHECK(HasMarks(**served, kGiB));
  }
  auto cache = Cache::Open(options);
  REQUIRE(cache);
  for (const bool hit : {false, true}) {
    const auto served = (*cache)->Get("k");
    REQUIRE((served && *served));
    CHECK((*served)->hit() == hit);
    CHECK(HasMarks(**served, kGiB));
  }
  std::size_t visited = 0;
  CHECK((*cache)->Scan({}, [&](std::string_view key, std::string_view bytes) {
    CHECK(key == "k");
    CHECK(HasMarks(bytes, kGiB));
    return ++visited > 0;
  }));
  CHECK(visited == 1);
}

// A cache over a value whose size needs a bit more than an entry has for it, with room for two.
struct TooLarge {
  TooLarge() : value(4 * kGiB) {
    Mark(value, 4 * kGiB);
    cache = *Cache::Open({.capacity = 16 * kGiB, .shards = 1},
                         std::make_unique<OneValueStore>(value.view()));
  }

  Pages value;
  std::unique_ptr<Cache> cache;
};

TEST_CASE("a value of 4 GiB is written and not cached") {
  const TooLarge large;
  const std::uint64_t before = ResidentBytes();
  CHECK(Text(large.cache->Put("k", large.value.view())) == "ok");
  CHECK(large.cache->GetStats().total.entries == 0);
  CHECK(ResidentBytes() < before + kGiB);
}

TEST_CASE("a value of 4 GiB is served and not cached" * doctest::skip()) {
  if (LacksMemory(6 * kGiB)) return;
  const TooLarge large;
  const auto served = large.cache->Get("k");
  REQUIRE((served && *served));
  CHECK(HasMarks(**served, 4 * kGiB));
  CHECK(large.cache->GetStats().total.entries == 0);
  CHECK(large.cache->GetStats().total.rejections == 1);
}

TEST_CASE("a value of 4 GiB is refused by RocksDB, and what was there stays") {
  if (LacksMemory(6 * kGiB)) return;
  const TempFolder folder;
  const Pages value(4 * kGiB);
  auto cache = Cache::Open({.path = folder / "db"});
  REQUIRE(cache);
  REQUIRE(Text((*cache)->Put("k", "before")) == "ok");
  const auto refused = (*cache)->Put("k", value.view());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK_MESSAGE(refused.error().message.ends_with("value is too large"), refused.error().message);
  CHECK(Text((*cache)->Get("k")) == "before");
}

// RocksDB would cut the lengths to 32 bits: that of a deletion's key, and crash for the others.
constexpr std::size_t kTooLong = kGiB + 1;
constexpr std::string_view kTooLongText =
    "Invalid argument: a key of 1073741825 bytes; 1073741824 is the most";

template <class T>
void CheckRefused(const Result<T>& result, std::string_view why) {
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::kInvalidArgument);
  CHECK_MESSAGE(result.error().message.ends_with(why), result.error().message);
}

TEST_CASE("keys and pairs too long for RocksDB's lengths are refused untouched") {
  const TempFolder folder;
  const auto store = MustOpen(folder / "db");
  REQUIRE(PutStore(*store, "k", "v"));
  const Pages pages(4 * kGiB + 1);
  const std::uint64_t before = ResidentBytes();
  const std::string_view key = pages.view().substr(0, kTooLong);
  const auto none = [](auto&&...) { FAIL("a value of no key"); };
  CheckRefused(store->Get(key, none), kTooLongText);
  CheckRefused(store->Put(key, "v", {}), kTooLongText);
  CheckRefused(store->Delete(key, {}), kTooLongText);
  CheckRefused(store->Delete(pages.view(), {}),
               "a key of 4294967297 bytes; 1073741824 is the most");
  const std::vector<std::string_view> keys = {"k", key};
  std::string found;
  const auto answers =
      store->MultiGet(keys, [&](std::size_t, std::string_view value) { found += value; });
  CHECK(answers[0] == true);
  CHECK(found == "v");
  CheckRefused(answers[1], kTooLongText);
  CheckRefused(store->Put("k", pages.view().substr(0, 4 * kGiB - 1), {}), "the value is too large");

  std::string bound;  // whose bytes nobody sets
  bound.resize_and_overwrite(kTooLong, [](char*, std::size_t) { return kTooLong; });
  ScanOptions scan;
  for (auto* at : {&scan.range.from, &scan.range.to, &scan.prefix}) {
    at->emplace(std::move(bound));
    CheckRefused(store->Scan(scan, [](auto, auto) { return true; }), kTooLongText);
    bound = *std::move(*at);
    at->reset();
  }
  CHECK(ResidentBytes() < before + kGiB / 2);
}

TEST_CASE("a batch with a key too long for RocksDB's lengths is refused whole") {
  if (LacksMemory(4 * kGiB)) return;
  const TempFolder folder;
  const auto store = MustOpen(folder / "db");
  const Pages pages(kTooLong);
  const std::string_view key = pages.view();
  Batch batch;
  for (const bool range : {false, true}) {
    batch.Clear();
    batch.Put("k", "v");
    range ? batch.DeleteRange("", key) : batch.Delete(key);
    CheckRefused(store->Write(batch, {}), kTooLongText);
  }
  CHECK(ReadStore(*store, "k") == kAbsent);
}

}  // namespace
}  // namespace kvcache::testing
