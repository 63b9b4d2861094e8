#include "kvcache/stats.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/latency_buckets.h"
#include "base/stats_fields.h"

namespace kvcache {
namespace {

template <class Figures>
Figures Subtract(const Figures& later, const Figures& earlier, const auto& fields) {
  Figures window = later;
  for (const auto& field : fields) {
    if (field.kind == FieldKind::kCounter) window.*field.member -= earlier.*field.member;
  }
  return window;
}

}  // namespace

void LatencyHistogram::Record(std::uint64_t nanoseconds) { ++counts[LatencyBucket(nanoseconds)]; }

std::uint64_t LatencyHistogram::count() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::uint64_t LatencyHistogram::Percentile(double q) const {
  const std::uint64_t all = count();
  if (all == 0) return 0;
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(all));
  const std::uint64_t rank = std::clamp(static_cast<std::uint64_t>(wanted), std::uint64_t{1}, all);
  std::size_t bucket = 0;
  for (std::uint64_t seen = counts[0]; seen < rank; seen += counts[bucket]) ++bucket;
  return LatencyUpperEdge(bucket);
}

LatencyHistogram& LatencyHistogram::operator+=(const LatencyHistogram& other) {
  std::ranges::transform(counts, other.counts, counts.begin(), std::plus<>());
  return *this;
}

LatencyHistogram& LatencyHistogram::operator-=(const LatencyHistogram& other) {
  std::ranges::transform(counts, other.counts, counts.begin(), std::minus<>());
  return *this;
}

ShardStats SumShards(std::span<const ShardStats> shards) {
  ShardStats total;
  for (const ShardStats& shard : shards) {
    for (const StatsField& field : kStatsFields) {
      std::uint64_t& sum = total.*field.member;
      const std::uint64_t part = shard.*field.member;
      sum = field.kind == FieldKind::kMaximum ? std::max(sum, part) : sum + part;
    }
  }
  return total;
}

double Stats::hit_ratio() const {
  const std::uint64_t lookups = total.hits + total.misses;
  return lookups == 0 ? 0 : static_cast<double>(total.hits) / static_cast<double>(lookups);
}

Stats operator-(const Stats& later, const Stats& earlier) {
  Stats window = later;
  window.total = Subtract(later.total, earlier.total, kStatsFields);
  const std::size_t shards = std::min(later.shards.size(), earlier.shards.size());
  for (std::size_t i = 0; i < shards; ++i) {
    window.shards[i] = Subtract(later.shards[i], earlier.shards[i], kStatsFields);
  }
  window.split = Subtract(later.split, earlier.split, kSplitFields);
  window.load_latency -= earlier.load_latency;
  window.write_latency -= earlier.write_latency;
  return window;
}

}  // namespace kvcache
