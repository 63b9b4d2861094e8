// The memory tier in small: what its shards, its evictions in batches and its admission do to hits
// and misses.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kvcache/stats.h"
#include "policy/tier_rules.h"
#include "simulate/simulated_shard.h"
#include "tier/admission.h"

namespace kvcache {

// Keeps to the tier's rules (lib/tier/memory_tier.cc): marks by ticks and bounded repairs, few
// misses cached where hardly anything is hit, room made before a new entry is admitted, by the
// shard that grows, a few entries at a time. Policies in whose order new entries are soon the
// victims (lfu, sieve, lru-k) miss less so than one cache in exact order: until a shard is asked
// for the next victims, new entries have time to be hit.
//
// Not thread-safe.
class SimulatedTier {
 public:
  // `shards`: a power of two. As in SimulatedCache otherwise.
  SimulatedTier(const SimulatedShard::MakePolicy& make, std::uint64_t capacity, std::size_t shards)
      : capacity_(capacity) {
    for (std::size_t i = 0; i < shards; ++i) {
      shards_.push_back(std::make_unique<Shard>(make));
      shards_.back()->objects.policy().SetCapacity(capacity / shards);
    }
  }

  bool Request(std::uint64_t hash, std::uint32_t size) {
    Shard& shard = ShardOf(hash);
    if (shard.objects.Hit(hash)) {
      if (++shard.counters.hits % kHitsPerRepair == 0) {
        shard.objects.policy().Repair(kHitsPerRepair);
      }
      return true;
    }
    ++shard.counters.misses;
    if (!shard.Admits() || size > capacity_) return false;
    while (used_ + size > capacity_) EvictBatch(shard, size);
    shard.objects.Insert(shard.objects.Admit(hash, size));
    used_ += size;
    return false;
  }
  void Prefetch(std::uint64_t hash) const { ShardOf(hash).objects.Prefetch(hash); }

  std::size_t objects() const {
    return Sum([](const SimulatedShard& shard) { return shard.objects(); });
  }
  std::uint64_t used() const { return used_; }
  std::size_t MemoryBytes() const {
    return Sum([](const SimulatedShard& shard) { return shard.MemoryBytes(); });
  }
  std::size_t PolicyBytes() const {
    return Sum([](const SimulatedShard& shard) { return shard.PolicyBytes(); });
  }

 private:
  struct Shard {
    explicit Shard(const SimulatedShard::MakePolicy& make) : objects(make, false) {}
    bool Admits() {
      return admission.Admits(counters, [this] { return counters.hits; });
    }

    SimulatedShard objects;
    ShardStats counters;  // hits, misses and evictions
    Admission admission;
  };

  Shard& ShardOf(std::uint64_t hash) const { return *shards_[hash & (shards_.size() - 1)]; }
  template <class Of>
  std::size_t Sum(Of&& of) const {
    std::size_t sum = 0;
    for (const auto& shard : shards_) sum += of(shard->objects);
    return sum;
  }

  void EvictBatch(Shard& wanted, std::uint64_t size) {
    Shard& chosen = ShardToEvictFrom(wanted);
    SimulatedShard& shard = chosen.objects;
    shard.policy().SetCapacity(shard.used());
    const std::size_t batch = std::max<std::size_t>(EvictionBatch(shard.objects()), 1);
    const std::uint64_t before = shard.used();
    for (std::size_t i = 0; i < batch && shard.objects() > 0; ++i) {
      const std::uint64_t evicted = before - shard.used();
      if (evicted >= size && evicted * kEvictionPart >= capacity_) break;
      shard.Evict();
      ++chosen.counters.evictions;
    }
    used_ -= before - shard.used();
  }

  Shard& ShardToEvictFrom(Shard& shard) {
    Shard& other = *shards_[turn_++ % shards_.size()];
    if (TakesFrom(shard.objects.used(), other.objects.used())) return other;
    if (shard.objects.used() > 0) return shard;
    return **std::ranges::find_if(shards_, [](const auto& one) { return one->objects.used() > 0; });
  }

  const std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  std::uint64_t turn_ = 0;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace kvcache
