#include "store/block_watch.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace kvcache {
namespace {

constexpr std::uint64_t kUsualBlock = 4096;  // bytes, until they are known

}  // namespace

void BlockWatch::SetCapacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
  Resize();
}

void BlockWatch::SetReach(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  reach_ = bytes;
  Resize();
}

// One block in four at most, so that three lookups in four cost nothing, and of more blocks fewer:
// of the reach 128.
void BlockWatch::Resize() {
  constexpr double kMostSampled = 0.25;
  constexpr double kSampledOfReach = 128;
  const std::uint64_t mean = mean_block_bytes();
  const auto block = static_cast<double>(mean == 0 ? kUsualBlock : mean);
  const double blocks = std::max(static_cast<double>(reach_) / block, 1.0);
  sample_.SetShare(std::min(kSampledOfReach / blocks, kMostSampled));
  const auto shadowed = [&](std::uint64_t bytes) -> std::size_t {
    if (reach_ == 0) return 0;
    return static_cast<std::size_t>(std::llround(static_cast<double>(bytes) / block / weight()));
  };
  as_it_is_.SetCapacity(shadowed(capacity_));
  larger_.SetCapacity(shadowed(capacity_ + reach_));
}

std::uint64_t BlockWatch::MemoryBytes() const {
  const std::lock_guard lock(mutex_);
  return as_it_is_.MemoryBytes() + larger_.MemoryBytes();
}

BlockCache::Misses BlockWatch::Asked(std::uint64_t hash, bool hit) {
  BlockCache::Misses said;
  if (!hit) {
    said.blocks = 1;
    misses_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!sample_.Has(hash)) return said;
  const std::lock_guard lock(mutex_);
  const bool now = as_it_is_.Touch(hash);
  const bool then = larger_.Touch(hash);
  if (hit) Insert(hash);
  if (now == then) return said;
  said.returned = then ? weight() : -weight();
  said.noise = weight() * weight();
  return said;
}

void BlockWatch::Entered(std::uint64_t hash, std::uint64_t bytes) {
  entered_.fetch_add(1, std::memory_order_relaxed);
  entered_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (!sample_.Has(hash)) return;
  const std::lock_guard lock(mutex_);
  Insert(hash);
}

// Without memory for it the samples lack it: nothing may be thrown through RocksDB.
void BlockWatch::Insert(std::uint64_t hash) {
  if (as_it_is_.Insert(hash)) larger_.Insert(hash);
}

std::uint64_t BlockWatch::mean_block_bytes() const {
  const std::uint64_t entered = entered_.load(std::memory_order_relaxed);
  return entered == 0 ? 0 : entered_bytes_.load(std::memory_order_relaxed) / entered + 1;
}

}  // namespace kvcache
