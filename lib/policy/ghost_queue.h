// What a policy remembers of evicted keys when all that counts is which they were: their hashes, in
// order of eviction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/pages.h"
#include "base/position_index.h"

namespace kvcache {

// A queue of hashes with their weights, searched by hash; any of them can be taken out. Costs 12
// to 15 bytes and an index's 8 a key, and as much again for keys taken out of the middle, until
// they are half of all. Not thread-safe.
class GhostQueue {
 public:
  std::size_t size() const { return live_; }
  std::uint64_t weight() const { return weight_; }
  std::size_t MemoryBytes() const { return ring_.capacity_bytes() + index_.MemoryBytes(); }

  bool Has(std::uint64_t hash) const { return index_.Find(hash, *this) != PositionIndex::kNone; }

  // The weight with which a key entered; nothing when it is not there.
  std::optional<std::uint32_t> WeightOf(std::uint64_t hash) const {
    const std::uint32_t position = index_.Find(hash, *this);
    if (position == PositionIndex::kNone) return std::nullopt;
    return ring_[position].weight;
  }

  // Enters a key as the newest. One that is there already moves up.
  void Push(std::uint64_t hash, std::uint32_t weight) {
    Erase(hash);
    if (weight == kTakenOut) ++weight;
    if (count_ == capacity_ || (capacity_ > 4 * kSpare && live_ < capacity_ / 4)) Resize();
    const auto position = static_cast<std::uint32_t>((oldest_ + count_) % capacity_);
    ring_[position] = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(hash >> 32),
                       weight};
    ++count_;
    ++live_;
    weight_ += weight;
    index_.Add(hash, position, *this);
  }

  // True when the key was there.
  bool Erase(std::uint64_t hash) {
    const std::uint32_t position = index_.Find(hash, *this);
    if (position == PositionIndex::kNone) return false;
    Leave(position);
    return true;
  }

  // Forgets the oldest until no more than so much weight is left, in at most so many steps.
  void Trim(std::uint64_t weight, std::size_t most_steps = ~std::size_t{0}) {
    ForgetOldest(most_steps, [&](std::uint32_t) { return weight_ > weight; });
  }

  // Forgets the oldest as long as `forget` says so of its weight; at most so many steps.
  template <class Forget>
  void ForgetOldest(std::size_t most, Forget&& forget) {
    for (std::size_t step = 0; step < most && count_ != 0; ++step) {
      const auto oldest = static_cast<std::uint32_t>(oldest_);
      if (IsLive(oldest)) {
        if (!forget(ring_[oldest].weight)) break;
        Leave(oldest);
      }
      oldest_ = oldest_ + 1 == capacity_ ? 0 : oldest_ + 1;
      --count_;
    }
  }

 private:
  friend class PositionIndex;
  static constexpr std::size_t kSpare = 64;
  static constexpr std::uint32_t kTakenOut = std::uint32_t{1} << 31;  // in place of a weight

  struct Ghost {
    std::uint32_t hash_low;
    std::uint32_t hash_high;
    std::uint32_t weight;
  };

  std::uint64_t HashAt(std::size_t position) const {
    return ring_[position].hash_low | (std::uint64_t{ring_[position].hash_high} << 32);
  }
  bool IsLive(std::uint32_t position) const { return ring_[position].weight != kTakenOut; }
  void Leave(std::uint32_t position) {
    index_.Erase(HashAt(position), position, *this);
    weight_ -= ring_[position].weight;
    ring_[position].weight = kTakenOut;
    --live_;
  }

  // To a ring of the live ones alone, that begins at position 0.
  void Resize() {
    const std::size_t capacity = live_ + kSpare + live_ / 4;
    PageVector<Ghost> ring;
    ring.resize(capacity);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t position = (oldest_ + i) % capacity_;
      if (IsLive(static_cast<std::uint32_t>(position))) ring[kept++] = ring_[position];
    }
    ring_ = std::move(ring);
    capacity_ = capacity;
    oldest_ = 0;
    count_ = kept;
    index_ = {};
    index_.Reserve(capacity, *this);
    for (std::size_t i = 0; i < kept; ++i) {
      index_.Add(HashAt(i), static_cast<std::uint32_t>(i), *this);
    }
  }

  PageVector<Ghost> ring_;
  std::size_t capacity_ = 0;
  std::size_t oldest_ = 0;
  std::size_t count_ = 0;  // in the ring, with those taken out
  std::size_t live_ = 0;
  std::uint64_t weight_ = 0;
  PositionIndex index_;
};

}  // namespace kvcache
