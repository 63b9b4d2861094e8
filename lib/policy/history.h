// What a policy remembers of keys that were evicted: the last so many evictions, each with a few
// 32-bit words. Keys are known by their 64-bit hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include "base/pages.h"
#include "base/position_index.h"

namespace kvcache {

// Evictions are events in a ring; a key's words are those of its latest event still in the ring.
// Costs 8 + 4 words + about 8 bytes an event. Not thread-safe.
class History {
 public:
  explicit History(std::size_t words) : stride_(2 + words) {}

  std::size_t size() const { return count_; }
  std::size_t MemoryBytes() const { return ring_.capacity_bytes() + index_.MemoryBytes(); }

  // The words remembered of a key; empty when there are none. Valid until the next Remember.
  std::span<std::uint32_t> Find(std::uint64_t hash) {
    const std::uint32_t position = index_.Find(hash, *this);
    return position == PositionIndex::kNone ? std::span<std::uint32_t>{} : Words(position);
  }

  // Records an eviction and forgets those beyond the last `most`. The returned words of the new
  // event are to be filled in; empty when most is 0 or there is no memory.
  std::span<std::uint32_t> Remember(std::uint64_t hash, std::size_t most) {
    while (count_ > 0 && count_ >= most) ForgetOldest();
    try {
      return Enter(hash, most);
    } catch (const std::bad_alloc&) {
      return {};
    }
  }

  // Applies `map` to every word remembered.
  template <class F>
  void MapWords(F&& map) {
    for (std::size_t i = 0; i < count_; ++i) {
      const auto position = static_cast<std::uint32_t>((oldest_ + i) % capacity_);
      for (std::uint32_t& word : Words(position)) word = map(word);
    }
  }

 private:
  friend class PositionIndex;
  static constexpr std::size_t kSpare = 128;

  std::span<std::uint32_t> Enter(std::uint64_t hash, std::size_t most) {
    if (count_ == capacity_ || count_ + 2 * kSpare < capacity_ / 2) ResizeRing();
    if (most == 0) return {};
    const auto position = static_cast<std::uint32_t>((oldest_ + count_) % capacity_);
    ++count_;
    ring_[position * stride_] = static_cast<std::uint32_t>(hash);
    ring_[position * stride_ + 1] = static_cast<std::uint32_t>(hash >> 32);
    index_.Set(hash, position, *this);
    return Words(position);
  }

  std::span<std::uint32_t> Words(std::uint32_t position) {
    return {&ring_[position * stride_ + 2], stride_ - 2};
  }
  std::uint64_t HashAt(std::size_t position) const {
    return ring_[position * stride_] | (std::uint64_t{ring_[position * stride_ + 1]} << 32);
  }

  void ForgetOldest() {
    const std::uint64_t hash = HashAt(oldest_);
    index_.Erase(hash, static_cast<std::uint32_t>(oldest_), *this);  // unless a later event is
    oldest_ = oldest_ + 1 == capacity_ ? 0 : oldest_ + 1;
    --count_;
  }

  // To a ring with room for an eighth more events than there are, that begins at position 0.
  void ResizeRing() {
    const std::size_t capacity = count_ + kSpare + count_ / 8;
    PageVector<std::uint32_t> ring;
    ring.resize(capacity * stride_);
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t from = (oldest_ + i) % capacity_;
      for (std::size_t word = 0; word < stride_; ++word) {
        ring[i * stride_ + word] = ring_[from * stride_ + word];
      }
    }
    ring_ = std::move(ring);
    capacity_ = capacity;
    oldest_ = 0;
    index_ = {};
    index_.Reserve(capacity, *this);
    for (std::size_t i = 0; i < count_; ++i) {
      index_.Set(HashAt(i), static_cast<std::uint32_t>(i), *this);
    }
  }

  const std::size_t stride_;  // words a record: two of hash, then the caller's
  PageVector<std::uint32_t> ring_;
  std::size_t capacity_ = 0;  // records
  std::size_t oldest_ = 0;
  std::size_t count_ = 0;
  PositionIndex index_;
};

}  // namespace kvcache
