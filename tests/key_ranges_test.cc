// The ranges that one batch deletes, however many they are.
#include "cache/key_ranges.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "support/random_trace.h"

namespace kvcache::testing {
namespace {

// Has every key, orders them either way, and counts how often it is asked for their order.
class OrderingStore final : public Store {
 public:
  explicit OrderingStore(bool reversed) : reversed_(reversed) {}

  Result<bool> Get(std::string_view, const Receiver& receive) override {
    receive("v");
    return true;
  }
  Result<void> Write(const Batch&, const WriteOptions&) override { return {}; }
  Result<void> Scan(const ScanOptions&, const ScanVisitor&) override { return {}; }
  int Compare(std::string_view a, std::string_view b) const override {
    ++comparisons;
    return reversed_ ? b.compare(a) : a.compare(b);
  }

  mutable std::uint64_t comparisons = 0;

 private:
  const bool reversed_;
};

// Of few letters, so that ranges often overlap, touch, are equal or empty.
std::string AnyKey(Random& random) {
  std::string key(Below(random, 4), 'a');
  for (char& c : key) c = static_cast<char>('a' + Below(random, 4));
  return key;
}

TEST_CASE("a key is in a set of ranges when it is in one of them, in either order of keys") {
  Random random(Seed());
  for (const bool reversed : {false, true}) {
    const OrderingStore store(reversed);
    for (int round = 0; round < 2000; ++round) {
      std::vector<std::string> bounds(std::size_t{2} * Below(random, 9));
      for (std::string& bound : bounds) bound = AnyKey(random);
      std::vector<KeyRanges::Range> ranges;
      for (std::size_t i = 0; i < bounds.size(); i += 2) {
        ranges.emplace_back(bounds[i], bounds[i + 1]);
      }
      const KeyRanges set(store, ranges);
      const auto in_one = [&](std::string_view key) {
        return std::ranges::any_of(ranges, [&](const KeyRanges::Range& range) {
          return store.Compare(range.first, key) <= 0 && store.Compare(key, range.second) < 0;
        });
      };
      std::vector<std::string> keys = bounds;
      keys.push_back(AnyKey(random));
      for (const std::string& key : keys) {
        CAPTURE(round);
        CAPTURE(key);
        CHECK(set.Contains(key) == in_one(key));
      }
      CHECK(set.empty() == std::ranges::none_of(ranges, [&](const KeyRanges::Range& range) {
              return store.Compare(range.first, range.second) < 0;
            }));
    }
  }
}

std::string Numbered(std::size_t i) {
  const std::string digits = std::to_string(i);
  return std::string(6 - digits.size(), '0') + digits;
}

TEST_CASE("a batch of many ranges compares each entry with few of them") {
  constexpr std::size_t kEntries = 4000;
  constexpr std::size_t kRanges = 1000;
  auto made = std::make_unique<OrderingStore>(false);
  const OrderingStore& store = *made;
  Options options;
  options.capacity = std::uint64_t{8} << 20;
  options.shards = 2;
  auto opened = Cache::Open(options, std::move(made));
  REQUIRE(opened);
  Cache& cache = **opened;
  for (std::size_t i = 0; i < kEntries; ++i) CHECK(cache.Get(Numbered(i)));
  CHECK(cache.GetStats().total.entries == kEntries);
  Batch batch;
  for (std::size_t i = kRanges; i > 0; --i) {
    batch.DeleteRange(Numbered(4 * i - 4), Numbered(4 * i - 2));
  }
  const std::uint64_t before = store.comparisons;
  CHECK(cache.Write(batch));
  CHECK(store.comparisons - before < 16 * (kEntries + kRanges));
  CHECK(cache.GetStats().total.entries == kEntries / 2);
  for (std::size_t i = 0; i < kEntries; ++i) {
    CHECK((*cache.Get(Numbered(i)))->hit() == (i % 4 >= 2));
  }
}

}  // namespace
}  // namespace kvcache::testing
