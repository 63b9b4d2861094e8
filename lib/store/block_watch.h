// BlockWatch: what a block cache would hit if it were larger by a reach, from what is asked of it.
// Of the blocks it takes a sample, and plays for them two caches in small, of the size that there
// is and of the larger one ("miniature simulation": Waldspurger et al., USENIX ATC '17).
// Remembering what was evicted would not do: in a cache of two parts, through one of which scans
// rush, what another size would keep can have left long ago.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "base/hash_sample.h"
#include "store/block_cache.h"
#include "store/shadow_slru.h"

namespace kvcache {

// Thread-safe. Never fails: without memory for a block the sample lacks it.
class BlockWatch {
 public:
  // Sizes in bytes. Without a reach nothing is sampled.
  BlockWatch(std::uint64_t capacity, std::uint64_t reach) : capacity_(capacity), reach_(reach) {
    Resize();
  }

  void SetCapacity(std::uint64_t bytes);
  void SetReach(std::uint64_t bytes);

  // A block was asked for, and was there or not. What that says.
  BlockCache::Misses Asked(std::uint64_t hash, bool hit);
  // A block that was not there entered.
  void Entered(std::uint64_t hash, std::uint64_t bytes);

  // Of those that entered; 0 while none has.
  std::uint64_t mean_block_bytes() const;
  std::uint64_t misses() const { return misses_.load(std::memory_order_relaxed); }
  // What the sample takes when it is complete.
  std::uint64_t MemoryBytes() const;
  // How many blocks one of the sample stands for.
  double weight() const { return sample_.KeysForOne(); }

 private:
  void Resize();
  void Insert(std::uint64_t hash);

  HashSample sample_;
  std::atomic<std::uint64_t> misses_{0};
  std::atomic<std::uint64_t> entered_{0};
  std::atomic<std::uint64_t> entered_bytes_{0};

  mutable std::mutex mutex_;  // all below
  std::uint64_t capacity_;
  std::uint64_t reach_;
  ShadowSlru as_it_is_;
  ShadowSlru larger_;
};

}  // namespace kvcache
