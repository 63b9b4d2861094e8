// Admission: whether a shard caches what was missed. One that is full and hits nothing caches only
// one miss in sixteen: evictions and insertions would be for nothing, and a few new entries show
// soon enough that something is asked for again. That is what bimodal insertion does for processor
// caches (Qureshi et al., ISCA 2007, "Adaptive insertion policies for high performance caching").
//
// Of misses that cost next to nothing a full shard caches as few: a hit in their place would save
// less than an eviction and an insertion take, and what is asked for often comes in none the less.
#pragma once

#include <cstdint>

#include "kvcache/stats.h"

namespace kvcache {

// Not thread-safe.
class Admission {
 public:
  // After each miss. `counters`: the shard's, with this miss; `hits()`: its hits so far.
  template <class Hits>
  bool Admits(const ShardStats& counters, Hits&& hits) {
    if (counters.misses - misses_ >= kWindow) Judge(counters, hits());
    return useful_ || IsOneOfMany(counters);
  }

  // For the same miss, when it cost next to nothing.
  bool AdmitsCheap(const ShardStats& counters) const { return !full_ || IsOneOfMany(counters); }

 private:
  static constexpr std::uint64_t kWindow = 1024;  // misses
  static constexpr std::uint64_t kFewHits = kWindow / 256;
  static constexpr std::uint64_t kOneIn = 16;

  static bool IsOneOfMany(const ShardStats& counters) { return counters.misses % kOneIn == 0; }

  void Judge(const ShardStats& counters, std::uint64_t hits) {
    full_ = counters.evictions != evictions_;
    useful_ = !full_ || hits - hits_ >= kFewHits;
    misses_ = counters.misses;
    evictions_ = counters.evictions;
    hits_ = hits;
  }

  bool full_ = false;
  bool useful_ = true;
  // When that was judged last.
  std::uint64_t misses_ = 0;
  std::uint64_t evictions_ = 0;
  std::uint64_t hits_ = 0;
};

}  // namespace kvcache
