// A cache without values: an eviction policy at work, and what it hits and misses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simulate/simulated_shard.h"

namespace kvcache {

struct SimulatedCounts {
  std::uint64_t requests = 0;
  std::uint64_t misses = 0;
  std::uint64_t bytes = 0;  // requested; in a cache that counts objects as well
  std::uint64_t missed_bytes = 0;

  double miss_ratio() const { return Ratio(misses, requests); }
  double byte_miss_ratio() const { return Ratio(missed_bytes, bytes); }

 private:
  static double Ratio(std::uint64_t part, std::uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  }
};

// As papers have it: one cache, in exact order, of which no more leaves than must. Not thread-safe.
class SimulatedCache {
 public:
  using MakePolicy = SimulatedShard::MakePolicy;

  // `capacity` in the unit of the sizes given to Request.
  SimulatedCache(const MakePolicy& make, std::uint64_t capacity)
      : capacity_(capacity), shard_(make, true) {
    shard_.policy().SetCapacity(capacity);
  }

  // True: a hit. `size` is what the object takes of the capacity if it is missed: 1 where objects
  // are counted. One that is larger than the capacity is not cached. A resident object keeps the
  // size with which it came.
  bool Request(std::uint64_t hash, std::uint32_t size) {
    if (shard_.Hit(hash)) return true;
    if (size > capacity_) return false;
    const std::uint32_t number = shard_.Admit(hash, size);
    while (shard_.used() + size > capacity_) shard_.Evict();
    shard_.Insert(number);
    return false;
  }
  void Prefetch(std::uint64_t hash) const { shard_.Prefetch(hash); }

  std::size_t objects() const { return shard_.objects(); }
  std::uint64_t used() const { return shard_.used(); }
  std::size_t MemoryBytes() const { return shard_.MemoryBytes(); }
  std::size_t PolicyBytes() const { return shard_.PolicyBytes(); }

 private:
  const std::uint64_t capacity_;
  SimulatedShard shard_;
};

}  // namespace kvcache
