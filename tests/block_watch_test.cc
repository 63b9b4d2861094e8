// What BlockWatch says of a larger block cache, beside such a cache.
#include "store/block_watch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "base/hash.h"
#include "harness.h"
#include "store/shadow_slru.h"

namespace kvcache::testing {
namespace {

// The same order, in the plainest way.
class NaiveSlru {
 public:
  explicit NaiveSlru(std::size_t capacity) : capacity_(capacity) {}

  bool Touch(std::uint64_t block) {
    auto found = std::ranges::find(upper_, block);
    if (found != upper_.end()) {
      upper_.erase(found);
    } else {
      found = std::ranges::find(lower_, block);
      if (found == lower_.end()) return false;
      lower_.erase(found);
    }
    upper_.insert(upper_.begin(), block);
    Shrink();
    return true;
  }
  void Insert(std::uint64_t block) {
    if (std::ranges::count(upper_, block) + std::ranges::count(lower_, block) > 0) return;
    lower_.insert(lower_.begin(), block);
    Shrink();
  }
  void SetCapacity(std::size_t blocks) {
    capacity_ = blocks;
    Shrink();
  }

 private:
  void Shrink() {
    while (upper_.size() > capacity_ / 2) {
      lower_.insert(lower_.begin(), upper_.back());
      upper_.pop_back();
    }
    while (upper_.size() + lower_.size() > capacity_) lower_.pop_back();
  }

  std::size_t capacity_;
  std::vector<std::uint64_t> upper_;
  std::vector<std::uint64_t> lower_;
};

TEST_CASE("a shadow hits what a naive cache of two parts hits, whatever becomes of its size") {
  std::mt19937_64 random(Seed());
  NaiveSlru naive(0);
  ShadowSlru shadow;
  for (int i = 0; i < 20'000; ++i) {
    if (i % 500 == 0) {
      const std::size_t capacity = random() % 40;
      naive.SetCapacity(capacity);
      shadow.SetCapacity(capacity);
    }
    const std::uint64_t block = std::min(random() % 60, random() % 60);
    REQUIRE(shadow.Touch(block) == naive.Touch(block));
    if (random() % 4 == 0) continue;
    naive.Insert(block);
    shadow.Insert(block);
  }
}

TEST_CASE("a shadow protects what was hit from what rushes through") {
  ShadowSlru shadow;
  shadow.SetCapacity(10);
  for (std::uint64_t block = 0; block < 5; ++block) {
    shadow.Insert(block);
    CHECK(shadow.Touch(block));
  }
  for (std::uint64_t block = 100; block < 200; ++block) shadow.Insert(block);
  for (std::uint64_t block = 0; block < 5; ++block) CHECK(shadow.Touch(block));
  CHECK_FALSE(shadow.Touch(150));
  CHECK(shadow.Touch(199));
}

constexpr std::uint64_t kBlock = 4096;

// Blocks asked for again and again, by their rank, and between them scans of many that are not.
class Lookups {
 public:
  explicit Lookups(std::uint64_t seed) : random_(seed) {}

  std::uint64_t Next() {
    if (scan_ == 0 && random_() % 200 == 0) scan_ = 300;
    if (scan_ > 0) {
      --scan_;
      return HashOf(1'000'000 + random_() % 100'000);
    }
    const std::uint64_t rank = std::min({random_() % 4000, random_() % 4000, random_() % 4000});
    return HashOf(rank);
  }

 private:
  static std::uint64_t HashOf(std::uint64_t block) { return XXH3_64bits(&block, sizeof(block)); }

  std::mt19937_64 random_;
  int scan_ = 0;
};

// How many of so many lookups such a cache misses, after as many.
double MissesWith(std::uint64_t blocks, int lookups) {
  Lookups stream(Seed());
  ShadowSlru cache;
  cache.SetCapacity(blocks);
  int misses = 0;
  for (int i = 0; i < 2 * lookups; ++i) {
    const std::uint64_t hash = stream.Next();
    if (cache.Touch(hash)) continue;
    if (i >= lookups) ++misses;
    cache.Insert(hash);
  }
  return misses;
}

// What a watch over a cache of so many blocks says of one larger by `reach` blocks.
double SaidWith(std::uint64_t blocks, std::uint64_t reach, int lookups) {
  Lookups stream(Seed());
  ShadowSlru cache;
  cache.SetCapacity(blocks);
  BlockWatch watch(blocks * kBlock, reach * kBlock);
  double returned = 0;
  for (int i = 0; i < 2 * lookups; ++i) {
    const std::uint64_t hash = stream.Next();
    const bool hit = cache.Touch(hash);
    const BlockCache::Misses said = watch.Asked(hash, hit);
    CHECK(said.blocks == (hit ? 0 : 1));
    if (i >= lookups) returned += said.returned;
    if (hit) continue;
    cache.Insert(hash);
    watch.Entered(hash, kBlock - 1);
  }
  return returned;
}

TEST_CASE("a watch says what a larger cache would save, amid scans too") {
  constexpr int kLookups = 400'000;
  for (const std::uint64_t blocks : {200U, 1000U, 3000U}) {
    const std::uint64_t reach = blocks / 4;
    CAPTURE(blocks);
    const double saved = MissesWith(blocks, kLookups) - MissesWith(blocks + reach, kLookups);
    CHECK(saved > kLookups / 200);
    const double said = SaidWith(blocks, reach, kLookups);
    CHECK(said > 0.75 * saved);
    CHECK(said < 1.25 * saved);
  }
}

TEST_CASE("a watch follows the sizes that it is told, and knows those of blocks") {
  BlockWatch watch(100 * kBlock, 4 * kBlock);
  CHECK(watch.mean_block_bytes() == 0);
  CHECK(watch.weight() == 4);
  for (std::uint64_t i = 0; i < 1000; ++i) watch.Entered(i * 4, 1023);
  CHECK(watch.mean_block_bytes() == 1024);
  CHECK(watch.misses() == 0);
  CHECK(watch.Asked(1, false).blocks == 1);
  CHECK(watch.misses() == 1);
  // Of a larger reach it takes a smaller sample.
  watch.SetReach(1024 * 1024);
  CHECK(watch.weight() == 8);
  // Shadows of 104 blocks and of 1024 more, one in eight.
  watch.SetCapacity(104 * 1024);
  watch.SetReach(1024 * 1024);
  CHECK(watch.MemoryBytes() == (13 + 141) * ShadowSlru::kBlockBytes);
  watch.SetReach(0);
  CHECK(watch.MemoryBytes() == 0);
  // With room for nothing, and for nothing more, there is nothing to say.
  watch.SetCapacity(0);
  watch.SetReach(0);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    watch.Entered(i * 4, 1023);
    CHECK(watch.Asked(i * 4, false).returned == 0);
  }
}

}  // namespace
}  // namespace kvcache::testing
