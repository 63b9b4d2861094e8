// The buckets of LatencyHistogram: four to each power of two of nanoseconds.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kvcache/stats.h"

namespace kvcache {

// The two bits below a duration's leading one tell the four buckets of its power of two apart;
// durations below 4 ns have a bucket each. The last bucket also holds all that is longer.
constexpr std::size_t LatencyBucket(std::uint64_t nanoseconds) {
  if (nanoseconds < 4) return nanoseconds;
  const auto shift = static_cast<std::size_t>(std::bit_width(nanoseconds)) - 3;
  return std::min(4 * shift + (nanoseconds >> shift), LatencyHistogram::kBuckets - 1);
}

// The longest duration of a bucket.
constexpr std::uint64_t LatencyUpperEdge(std::size_t bucket) {
  if (bucket < 4) return bucket;
  const std::size_t shift = bucket / 4 - 1;
  return ((4 + bucket % 4 + 1) << shift) - 1;
}

}  // namespace kvcache
