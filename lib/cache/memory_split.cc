#include "cache/memory_split.h"

#include <algorithm>
#include <cmath>

namespace kvcache {
namespace {

// Of the loads that tell nothing about a larger tier so many are left out for each one learned
// from.
constexpr unsigned kLearnOneIn = 16;
constexpr double kBlockBytes = 4096;

// At once: what an eviction of a millisecond or less gives.
std::uint64_t PieceOf(std::uint64_t budget) {
  return std::clamp<std::uint64_t>(budget / 256, std::uint64_t{64} << 10, std::uint64_t{1} << 20);
}

// By chance: at each 16th, a thread that alternates two kinds of loads would show only one. The
// numbers are Marsaglia's xorshift.
bool Turn() {
  thread_local std::uint64_t random = 0x9E3779B97F4A7C15;
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  return random % kLearnOneIn == 0;
}

// Of values, none of which is an outlier: the mean of the first 1024, then a running one.
void LearnMean(double& mean, double value, double& count) {
  constexpr double kMost = 1024;
  count = std::min(count + 1, kMost);
  mean += (value - mean) / count;
}

// An outlier, a thread that lost its processor perhaps, counts as a few times the mean.
void Learn(double& mean, double value) {
  constexpr double kMost = 8;
  constexpr double kWeight = 1.0 / 64;
  mean += (std::clamp(value, 1.0, kMost * mean) - mean) * kWeight;
}

std::uint64_t Part(std::uint64_t bytes, double share) {
  return static_cast<std::uint64_t>(std::llround(static_cast<double>(bytes) * share));
}

}  // namespace

MemorySplit::MemorySplit(const Options& options)
    : fixed_(options.tier_share.has_value()),
      ghost_(SplitRule::Reach(CacheBytes(options.memory_budget)) / kUsualEntry),
      cache_bytes_(CacheBytes(options.memory_budget)),
      // Half, until it is known better.
      tier_bytes_(Part(cache_bytes_, options.tier_share.value_or(0.5))),
      rule_(cache_bytes_, tier_bytes_),
      block_cache_(NewBlockCache(
          {.capacity = cache_bytes_ - tier_bytes_,
           .least = fixed_ ? cache_bytes_ - tier_bytes_ : SplitRule::Least(cache_bytes_),
           .reach = BlockReach(),
           .memtables = MemtableBytes(options.memory_budget)})) {
  stats_.budget_bytes = options.memory_budget;
  stats_.fixed = fixed_;
}

void MemorySplit::Loaded(const Load& load, MemoryTier& tier) {
  const bool turn = Turn();
  if (load.returned == 0 && load.blocks.returned == 0 && !turn) return;
  const std::lock_guard lock(mutex_);
  if (turn) LearnCosts(load);
  const auto keys = static_cast<double>(load.keys);
  const double blocks_saved = blocks_a_key_ * static_cast<double>(load.blocks.blocks) / keys;
  const double cost = key_ns_ + block_ns_ * blocks_saved;
  SplitRule::Evidence evidence{.saved = load.returned * cost,
                               .noise = load.noise * cost * cost,
                               .one = ghost_.KeysForOne() * cost};
  stats_.tier_saving_nanoseconds += static_cast<std::uint64_t>(evidence.saved);
  if (turn) evidence.entered_bytes = kLearnOneIn * static_cast<double>(load.bytes);
  rule_.Add(SplitRule::kTier, evidence);
  if (block_cache_->filled_by_gets()) {
    const auto blocks = static_cast<double>(load.blocks.blocks);
    AddBlockEvidence(load.blocks, block_ns_, turn ? kLearnOneIn * blocks * kBlockBytes : 0);
  }
  Conclude(tier);
  Move(tier);
}

// A block of many that are read in their order costs less than one by itself; never more, whatever
// else the time was for.
void MemorySplit::Scanned(const BlockCache::Misses& blocks, std::uint64_t nanoseconds,
                          MemoryTier& tier) {
  if (fixed_) return;
  const std::lock_guard lock(mutex_);
  const auto count = static_cast<double>(blocks.blocks);
  const double mean = static_cast<double>(nanoseconds) / std::max(count, 1.0);
  AddBlockEvidence(blocks, std::min(mean, block_ns_), count * kBlockBytes);
  Conclude(tier);
  Move(tier);
}

void MemorySplit::LearnCosts(const Load& load) {
  const auto keys = static_cast<double>(load.keys);
  const auto nanoseconds = static_cast<double>(load.nanoseconds);
  const auto blocks = static_cast<double>(load.blocks.blocks);
  if (load.blocks.blocks == 0) {
    Learn(key_ns_, nanoseconds / keys);
  } else {
    // Where blocks come fast and are rarely there, what a key takes by itself is long out of date.
    if (nanoseconds < keys * key_ns_) Learn(key_ns_, nanoseconds / keys);
    Learn(block_ns_, (nanoseconds - keys * key_ns_) / blocks);
  }
  blocks_a_key_ += (std::min(blocks / keys, 1.0) - blocks_a_key_) / 256;
  if (load.found > 0) {
    LearnSizes(static_cast<double>(load.bytes) / static_cast<double>(load.found));
  }
}

void MemorySplit::LearnSizes(double entry_bytes) {
  constexpr double kWeight = 1.0 / 256;
  constexpr double kFill = 0.4;
  constexpr double kDoNot = 0.6;
  LearnMean(entry_bytes_, entry_bytes, sizes_learned_);
  const auto block = static_cast<double>(block_cache_->mean_block_bytes());
  const bool large = block != 0 && entry_bytes > block / 2;
  large_ += ((large ? 1.0 : 0.0) - large_) * kWeight;
  block_cache_->FillByGets(large_ < (block_cache_->filled_by_gets() ? kDoNot : kFill));
}

// `cost`: nanoseconds a block.
void MemorySplit::AddBlockEvidence(const BlockCache::Misses& blocks, double cost,
                                   double entered_bytes) {
  const SplitRule::Evidence evidence{.saved = blocks.returned * cost,
                                     .noise = blocks.noise * cost * cost,
                                     .one = block_cache_->ReturnedByOne() * cost,
                                     .entered_bytes = entered_bytes};
  block_saving_ += evidence.saved;
  if (block_saving_ > 0) {
    const auto told = static_cast<std::uint64_t>(block_saving_);
    stats_.block_saving_nanoseconds += told;
    block_saving_ -= static_cast<double>(told);
  }
  rule_.Add(SplitRule::kBlocks, evidence);
}

void MemorySplit::Conclude(const MemoryTier& tier) {
  constexpr std::uint64_t kReachOneIn = 64;
  if (++looks_ % kReachOneIn == 0) SetReach(tier);
  const std::uint64_t before = rule_.tier();
  if (!rule_.Decide()) return;
  ++(rule_.tier() > before ? stats_.moves_to_tier : stats_.moves_to_blocks);
}

// An entry takes its part of all that the tier uses, but of what a tier that is nearly empty has
// set up.
void MemorySplit::SetReach(const MemoryTier& tier) {
  constexpr double kMostOverhead = 64;
  const auto charged = static_cast<double>(tier.charged());
  const double entries = charged / entry_bytes_;
  const double overhead = (static_cast<double>(tier.used()) - charged) / std::max(entries, 1.0);
  const double bytes = entry_bytes_ + std::clamp(overhead, 0.0, kMostOverhead);
  ghost_.SetReach(static_cast<std::uint64_t>(static_cast<double>(rule_.reach()) / bytes));
  block_cache_->SetReach(BlockReach());
}

// A piece of what is to be moved.
void MemorySplit::Move(MemoryTier& tier) {
  const std::uint64_t piece = PieceOf(cache_bytes_);
  if (tier_bytes_ < rule_.tier()) {
    tier_bytes_ = std::min(tier_bytes_ + piece, rule_.tier());
    block_cache_->SetCapacity(cache_bytes_ - tier_bytes_);
    tier.SetLimit(tier_bytes_);
  } else if (tier_bytes_ > rule_.tier()) {
    tier_bytes_ = std::max(tier_bytes_ - std::min(piece, tier_bytes_), rule_.tier());
    tier.SetLimit(tier_bytes_);
  }
  if (tier.GiveUp() || block_cache_->capacity() < cache_bytes_ - tier_bytes_) {
    GiveToBlocks(tier);
  }
}

void MemorySplit::SetBudget(std::uint64_t bytes, MemoryTier& tier) {
  const std::lock_guard one(budget_mutex_);
  block_cache_->SetMemtableBytes(MemtableBytes(bytes));  // writes a file: no load waits for it
  {
    const std::lock_guard lock(mutex_);
    const double share = static_cast<double>(rule_.tier()) / static_cast<double>(cache_bytes_);
    stats_.budget_bytes = bytes;
    cache_bytes_ = CacheBytes(bytes);
    tier_bytes_ = Part(cache_bytes_, share);
    rule_ = SplitRule(cache_bytes_, tier_bytes_);
    tier.SetLimit(tier_bytes_);
    SetReach(tier);
  }
  while (tier.GiveUp()) {
  }
  const std::lock_guard lock(mutex_);
  GiveToBlocks(tier);
}

// What the tier neither has nor may have. Where the split is fixed nothing would correct that when
// Values no longer hold what the tier has given up: it counts as gone.
void MemorySplit::GiveToBlocks(const MemoryTier& tier) {
  const std::uint64_t held = fixed_ ? tier_bytes_ : std::max(tier_bytes_, tier.used());
  block_cache_->SetCapacity(cache_bytes_ - std::min(held, cache_bytes_));
}

SplitStats MemorySplit::GetStats() {
  const std::lock_guard lock(mutex_);
  SplitStats stats = stats_;
  stats.memtable_bytes = stats_.budget_bytes - cache_bytes_;
  stats.tier_bytes = tier_bytes_;
  stats.block_cache_bytes = block_cache_->capacity();
  stats.block_cache_used_bytes = block_cache_->used();
  stats.block_misses = block_cache_->misses();
  stats.key_nanoseconds = static_cast<std::uint64_t>(key_ns_);
  stats.block_nanoseconds = static_cast<std::uint64_t>(block_ns_);
  return stats;
}

}  // namespace kvcache
