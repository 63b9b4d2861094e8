// By what rules the memory tier asks its shards for victims. Policies that make room for a batch,
// and the simulation of the tier, go by the same.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kvcache {

// A thread's hits in one shard between two repairs that it pays for.
inline constexpr std::uint32_t kHitsPerRepair = 32;

// Entries that a shard of so many gives up at a time, but always one: few enough that of a small
// shard what is hot does not leave with what is not.
inline std::size_t EvictionBatch(std::size_t entries) {
  constexpr std::size_t kMost = 32;
  constexpr std::size_t kPartOfShard = 32;
  return std::min(entries / kPartOfShard, kMost);
}

// A batch ends when it has freed this part of all that is resident.
inline constexpr std::uint64_t kEvictionPart = 512;

// Room is made by the shard that grows, so that each is a cache of its own, of a steady size; but
// one that is clearly smaller than another takes from that.
inline bool TakesFrom(std::uint64_t shard_bytes, std::uint64_t other_bytes) {
  return shard_bytes + shard_bytes / 16 < other_bytes;
}

}  // namespace kvcache
