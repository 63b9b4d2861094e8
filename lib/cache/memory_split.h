// MemorySplit: one budget of memory for memtables, which get a fixed part, and for the tier and the
// store's block cache, which share the rest by SplitRule as the workload goes, or as the caller has
// fixed it.
//
// Memory moves in small pieces, on threads that read the store: the side that shrinks first gives
// up, then the other one gets it, so that both together stay within the budget.
//
// A get that a larger tier would have answered has read a block, but the next get that needs that
// block would then have read it in its place. Where gets read m blocks each, and how many gets a
// block serves falls off geometrically, no other get needs it with a probability of m.
//
// A block that holds one entry, or hardly more, is of no use beside that entry in the tier. Where
// most are so large, gets do not fill the block cache: with both sides full of the same pairs each
// would look as if it were of use, and a tier with all of the memory serves more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/ghost.h"
#include "cache/split_rule.h"
#include "kvcache/options.h"
#include "kvcache/stats.h"
#include "store/block_cache.h"
#include "tier/memory_tier.h"

namespace kvcache {

// Thread-safe.
class MemorySplit {
 public:
  // The options' memory_budget is not 0.
  explicit MemorySplit(const Options& options);

  // For the tier to report to; null when the split is fixed.
  Ghost* ghost() { return fixed_ ? nullptr : &ghost_; }
  const std::shared_ptr<BlockCache>& block_cache() const { return block_cache_; }
  // Before the first load.
  std::uint64_t tier_bytes() const { return tier_bytes_; }

  // A read of the store for keys that the tier missed.
  struct Load {
    std::uint64_t keys = 0;
    std::uint64_t nanoseconds = 0;
    BlockCache::Misses blocks = {};
    std::uint64_t found = 0;  // entries, and
    std::uint64_t bytes = 0;  // theirs
    double returned = 0;      // of the keys a larger tier would have had, by ghost()
    double noise = 0;         // variance of that
  };
  // Learns from it, and may move memory; not where the split is fixed. Without a lock held.
  void Loaded(const Load& load, MemoryTier& tier);
  // The same after a scan, which the tier has no part in.
  void Scanned(const BlockCache::Misses& blocks, std::uint64_t nanoseconds, MemoryTier& tier);

  // Whether a load, of one or many keys, found all its blocks where such ones stay: before it the
  // thread had missed so many.
  bool ReadFromMemory(std::uint64_t missed_before) const {
    return block_cache_->filled_by_gets() && BlockCache::OfThread().blocks == missed_before;
  }

  // Shares out another budget, as this one was. Returns when what is too much is given back.
  void SetBudget(std::uint64_t bytes, MemoryTier& tier);

  SplitStats GetStats();

  // What of a budget the memtables may take: an eighth, and no more than RocksDB's own default.
  // Less than 128 KiB would be flushed all the time.
  static std::uint64_t MemtableBytes(std::uint64_t budget) {
    return std::clamp<std::uint64_t>(budget / 8, std::uint64_t{128} << 10,
                                     std::uint64_t{128} << 20);
  }
  // The rest, at least half.
  static std::uint64_t CacheBytes(std::uint64_t budget) {
    return budget - std::min(MemtableBytes(budget), budget / 2);
  }

 private:
  void LearnCosts(const Load& load);
  void LearnSizes(double entry_bytes);
  void AddBlockEvidence(const BlockCache::Misses& blocks, double cost, double entered_bytes);
  void Conclude(const MemoryTier& tier);
  void SetReach(const MemoryTier& tier);
  std::uint64_t BlockReach() const { return fixed_ ? 0 : rule_.reach(); }
  void Move(MemoryTier& tier);
  void GiveToBlocks(const MemoryTier& tier);

  static constexpr std::uint64_t kUsualEntry = 128;  // bytes, until they are known

  const bool fixed_;
  Ghost ghost_;

  std::mutex budget_mutex_;    // one SetBudget at a time; before mutex_
  std::mutex mutex_;           // all below
  std::uint64_t cache_bytes_;  // tier and block cache together
  std::uint64_t tier_bytes_;   // on its way to what the rule says
  SplitRule rule_;
  std::shared_ptr<BlockCache> block_cache_;
  std::uint64_t looks_ = 0;
  // Running means.
  double key_ns_ = 5'000;      // a key whose blocks are cached
  double block_ns_ = 100'000;  // a block that is not
  double blocks_a_key_ = 1;    // read by a get; at most 1
  double entry_bytes_ = kUsualEntry;
  double sizes_learned_ = 0;
  double large_ = 0;  // of the entries, how many take more than half a block
  // What stats_ lacks of the blocks' saving: below 0 while a larger cache would have missed more
  // of late, as a counter only grows.
  double block_saving_ = 0;
  SplitStats stats_;
};

}  // namespace kvcache
