// What a policy remembers of evicted keys when it need not be exact: GhostQueues in a fifth of the
// memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "base/hash.h"
#include "base/pages.h"

namespace kvcache {

// Fingerprints of the keys that left last, each with the time when it left, as the authors of
// S3-FIFO keep theirs (Yang et al., SOSP 2023). They lie in buckets of a cache line; one that finds
// its bucket full takes the place of the oldest there. Remembers about 98 of 100 keys that it
// should, and one in 60,000 that it should not. Costs 5 to 6 bytes a key. Not thread-safe.
class GhostFilter {
 public:
  std::size_t MemoryBytes() const { return buckets_.capacity_bytes(); }

  // Enters a key. Those that left last are remembered, as many as make up the weight `most` if all
  // are of the mean weight of late. When it grows or shrinks for that, all are forgotten; without
  // memory to grow, some.
  void Push(std::uint64_t hash, std::uint32_t weight, std::uint64_t most) {
    constexpr double kShare = 1.0 / 256;
    mean_weight_ += (weight - mean_weight_) * (mean_weight_ == 0 ? 1 : kShare);
    Fit(static_cast<double>(most) / std::max(mean_weight_, 1.0));
    if (buckets_.size() == 0 || most == 0) return;
    if (++entered_ % keys_in_tick_ == 0) Tick();
    std::uint32_t& slot = OldestIn(BucketOf(hash));
    slot = Fingerprint(hash) | now_;
  }

  // Whether a key is remembered, which it is no longer.
  bool Take(std::uint64_t hash) {
    if (buckets_.size() == 0) return false;
    const std::uint32_t fingerprint = Fingerprint(hash);
    for (std::uint32_t& slot : BucketOf(hash)) {
      if ((slot & ~kTimeMask) == fingerprint && Age(slot) <= window_) {
        slot = kFree;
        return true;
      }
    }
    return false;
  }

 private:
  // A fingerprint of 20 bits, never 0, above a time that wraps round.
  static constexpr unsigned kTimeBits = 12;
  static constexpr std::uint32_t kTimeMask = (1U << kTimeBits) - 1;
  static constexpr std::uint32_t kFree = 0;
  // Ticks in which as many keys leave as there is room for. What is older is swept out before its
  // time comes round again.
  static constexpr std::uint32_t kTicks = 1024;
  static constexpr std::size_t kSlots = 16;
  using Bucket = std::array<std::uint32_t, kSlots>;
  static constexpr std::size_t kLeastBuckets = kPageSize / sizeof(Bucket);

  Bucket& BucketOf(std::uint64_t hash) { return buckets_[ScaleHash(hash, buckets_.size())]; }
  static std::uint32_t Fingerprint(std::uint64_t hash) {
    const auto bits = static_cast<std::uint32_t>(hash) & ~kTimeMask;
    return bits == 0 ? kTimeMask + 1 : bits;
  }
  std::uint32_t Age(std::uint32_t slot) const { return (now_ - slot) & kTimeMask; }

  std::uint32_t& OldestIn(Bucket& bucket) const {
    const auto key = [this](std::uint32_t slot) { return slot == kFree ? kTicks * 4 : Age(slot); };
    return *std::ranges::max_element(bucket, {}, key);
  }

  // Seven tenths full: few buckets overflow. Memory is taken for keys that have left, not for all
  // that might.
  void Fit(double keys) {
    constexpr double kFull = 0.7;
    constexpr double kTooFull = 0.8;
    constexpr double kTooEmpty = 0.25;
    constexpr double kGrowth = 4;
    const auto slots = static_cast<double>(buckets_.size() * kSlots);
    const bool grow = keys > slots * kTooFull && static_cast<double>(entered_) >= slots * kFull;
    const bool shrink = keys < slots * kTooEmpty && buckets_.size() > kLeastBuckets;
    if (grow || shrink) Remake(std::min(keys / kFull, slots * kGrowth));
    window_ = static_cast<std::uint32_t>(
        std::min(keys / static_cast<double>(keys_in_tick_) + 1, 2.0 * kTicks));
  }

  void Remake(double slots) {
    PageVector<Bucket> empty;
    try {
      empty.resize(std::max(static_cast<std::size_t>(slots) / kSlots + 1, kLeastBuckets));
    } catch (const std::bad_alloc&) {
      return;
    }
    buckets_ = std::move(empty);
    keys_in_tick_ = buckets_.size() * kSlots / kTicks + 1;
    entered_ = 0;
  }

  // Sweeps a part of the buckets, all in a window.
  void Tick() {
    now_ = (now_ + 1) & kTimeMask;
    for (std::size_t i = 0; i < buckets_.size() / kTicks + 1; ++i) {
      swept_ = swept_ + 1 < buckets_.size() ? swept_ + 1 : 0;
      for (std::uint32_t& slot : buckets_[swept_]) {
        if (Age(slot) > window_) slot = kFree;
      }
    }
  }

  PageVector<Bucket> buckets_;
  double mean_weight_ = 0;
  std::uint32_t now_ = 0;
  std::uint32_t window_ = 0;  // ticks
  std::size_t keys_in_tick_ = 1;
  std::size_t entered_ = 0;  // since it has this size
  std::size_t swept_ = 0;
};

}  // namespace kvcache
