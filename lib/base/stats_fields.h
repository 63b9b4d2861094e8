// The tables of figures: summing, subtracting, text, JSON and Prometheus text all read them, so a
// new figure is a member of ShardStats or SplitStats and a row here.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "kvcache/stats.h"

namespace kvcache {

enum class FieldKind : std::uint8_t {
  kCounter,  // only grows; shards add up; a window is a difference
  kGauge,    // as of now; shards add up
  kMaximum,  // as of now; the largest of the shards
};

enum class FieldUnit : std::uint8_t { kCount, kBytes, kNanoseconds };

template <class Figures>
struct FieldOf {
  std::string_view name;  // the member's; in text with spaces, in Prometheus with its suffixes
  std::string_view help;  // one line
  FieldKind kind;
  FieldUnit unit;
  std::uint64_t Figures::* member;
};
using StatsField = FieldOf<ShardStats>;
using SplitField = FieldOf<SplitStats>;

inline constexpr auto kStatsFields = [] {
  using enum FieldKind;
  using enum FieldUnit;
  using S = ShardStats;
  return std::to_array<StatsField>({
      {"hits", "Lookups answered by the memory tier.", kCounter, kCount, &S::hits},
      {"misses", "Lookups that the memory tier could not answer.", kCounter, kCount, &S::misses},
      {"absent", "Lookups of keys that the store does not have.", kCounter, kCount, &S::absent},
      {"loads", "Keys read from the store because of misses.", kCounter, kCount, &S::loads},
      {"shared_loads", "Misses answered by a load that another lookup had begun.", kCounter, kCount,
       &S::shared_loads},
      {"loads_ahead", "Loads answered by what had been read ahead.", kCounter, kCount,
       &S::loads_ahead},
      {"load_errors", "Loads that the store failed.", kCounter, kCount, &S::load_errors},
      {"stale_loads", "Loads overtaken by a write or an invalidation: served, not cached.",
       kCounter, kCount, &S::stale_loads},
      {"load_nanoseconds", "Time spent in the store's reads.", kCounter, kNanoseconds,
       &S::load_nanoseconds},
      {"inserts", "Entries that went into the memory tier.", kCounter, kCount, &S::inserts},
      {"evictions", "Entries that the policy sent away.", kCounter, kCount, &S::evictions},
      {"rejections", "Loads not cached: too large, no room, or nothing is hit.", kCounter, kCount,
       &S::rejections},
      {"writes", "Keys put or deleted.", kCounter, kCount, &S::writes},
      {"invalidations", "Entries dropped by writes and invalidations.", kCounter, kCount,
       &S::invalidations},
      {"audits", "Hits compared with the store.", kCounter, kCount, &S::audits},
      {"disagreements", "Audited hits that the store did not have so.", kCounter, kCount,
       &S::disagreements},
      {"entries", "Entries in the memory tier.", kGauge, kCount, &S::entries},
      {"bytes", "Bytes charged to the entries: payload, header, rounding.", kGauge, kBytes,
       &S::bytes},
      {"longest_probe", "Buckets of 8 slots looked at for the worst-placed entry.", kMaximum,
       kCount, &S::longest_probe},
  });
}();
static_assert(sizeof(ShardStats) == kStatsFields.size() * sizeof(std::uint64_t),
              "every member of ShardStats has one row");

inline constexpr auto kSplitFields = [] {
  using enum FieldKind;
  using enum FieldUnit;
  using S = SplitStats;
  return std::to_array<SplitField>({
      {"budget_bytes", "Memory for all three together.", kGauge, kBytes, &S::budget_bytes},
      {"memtable_bytes", "What of it is set aside for memtables.", kGauge, kBytes,
       &S::memtable_bytes},
      {"tier_bytes", "What of it the tier may use.", kGauge, kBytes, &S::tier_bytes},
      {"block_cache_bytes", "What of it the block cache may use.", kGauge, kBytes,
       &S::block_cache_bytes},
      {"block_cache_used_bytes", "What of it the block cache does use.", kGauge, kBytes,
       &S::block_cache_used_bytes},
      {"block_misses", "Blocks that the block cache did not have.", kCounter, kCount,
       &S::block_misses},
      {"moves_to_tier", "Decisions to move memory to the tier.", kCounter, kCount,
       &S::moves_to_tier},
      {"moves_to_blocks", "Decisions to move memory to the block cache.", kCounter, kCount,
       &S::moves_to_blocks},
      {"tier_saving_nanoseconds", "Time that a larger tier would have saved.", kCounter,
       kNanoseconds, &S::tier_saving_nanoseconds},
      {"block_saving_nanoseconds", "Time that a larger block cache would have saved.", kCounter,
       kNanoseconds, &S::block_saving_nanoseconds},
      {"key_nanoseconds", "A read of a key whose blocks are cached.", kGauge, kNanoseconds,
       &S::key_nanoseconds},
      {"block_nanoseconds", "A read of a block that is not cached.", kGauge, kNanoseconds,
       &S::block_nanoseconds},
  });
}();

// Of all shards together.
ShardStats SumShards(std::span<const ShardStats> shards);

}  // namespace kvcache
