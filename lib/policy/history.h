// What a policy remembers of keys that were evicted: the last so many evictions, each with a few
// 32-bit words. Keys are known by their 64-bit hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/hash.h"
#include "base/pages.h"

namespace kvcache {

// Evictions are events in a ring; a key's words are those of its latest event still in the ring.
// An index of 32-bit event positions (open addressing, linear probing, at most 3/4 full) finds
// them. Costs 8 + 4 words + about 8 bytes an event. Not thread-safe.
class History {
 public:
  explicit History(std::size_t words) : stride_(2 + words) {}

  std::size_t size() const { return count_; }
  std::size_t MemoryBytes() const { return ring_.capacity_bytes() + index_.capacity_bytes(); }

  // The words remembered of a key; empty when there are none. Valid until the next Remember.
  std::span<std::uint32_t> Find(std::uint64_t hash) {
    if (index_.size() == 0) return {};
    const std::size_t slot = FindSlot(hash);
    return index_[slot] == kFree ? std::span<std::uint32_t>{} : Words(index_[slot]);
  }

  // Records an eviction and forgets those beyond the last `most`. The returned words of the new
  // event are to be filled in; empty when most is 0.
  std::span<std::uint32_t> Remember(std::uint64_t hash, std::size_t most) {
    while (count_ > 0 && count_ >= most) ForgetOldest();
    if (count_ == capacity_ || count_ + 2 * kSpare < capacity_ / 2) ResizeRing();
    if (most == 0) return {};
    if ((count_ + 1) * 4 > index_.size() * 3) Reindex(index_.size() + kSpare + index_.size() / 4);
    const auto position = static_cast<std::uint32_t>((oldest_ + count_) % capacity_);
    ++count_;
    ring_[position * stride_] = static_cast<std::uint32_t>(hash);
    ring_[position * stride_ + 1] = static_cast<std::uint32_t>(hash >> 32);
    index_[FindSlot(hash)] = position + 1;
    return Words(position + 1);
  }

  // Applies `map` to every word remembered.
  template <class F>
  void MapWords(F&& map) {
    for (std::size_t i = 0; i < count_; ++i) {
      const auto position = static_cast<std::uint32_t>((oldest_ + i) % capacity_);
      for (std::uint32_t& word : Words(position + 1)) word = map(word);
    }
  }

 private:
  static constexpr std::uint32_t kFree = 0;  // an index entry is a ring position plus 1
  static constexpr std::size_t kSpare = 128;

  std::span<std::uint32_t> Words(std::uint32_t entry) {
    return {&ring_[(entry - 1) * stride_ + 2], stride_ - 2};
  }
  std::uint64_t HashAt(std::size_t position) const {
    return ring_[position * stride_] | (std::uint64_t{ring_[position * stride_ + 1]} << 32);
  }
  std::size_t Home(std::uint64_t hash) const { return ScaleHash(hash, index_.size()); }
  std::size_t Next(std::size_t slot) const { return slot + 1 == index_.size() ? 0 : slot + 1; }

  // Where the key's entry is, or where it would go.
  std::size_t FindSlot(std::uint64_t hash) const {
    std::size_t slot = Home(hash);
    while (index_[slot] != kFree && HashAt(index_[slot] - 1) != hash) slot = Next(slot);
    return slot;
  }

  void ForgetOldest() {
    const std::uint64_t hash = HashAt(oldest_);
    const std::size_t slot = FindSlot(hash);
    if (index_[slot] == oldest_ + 1) FreeSlot(slot);  // else the key has a later event
    oldest_ = oldest_ + 1 == capacity_ ? 0 : oldest_ + 1;
    --count_;
  }

  // Moves later entries of the probe sequence up, so that no tombstone is needed.
  void FreeSlot(std::size_t hole) {
    for (std::size_t slot = Next(hole); index_[slot] != kFree; slot = Next(slot)) {
      const std::size_t home = Home(HashAt(index_[slot] - 1));
      const bool home_in_gap =
          hole <= slot ? hole < home && home <= slot : hole < home || home <= slot;
      if (home_in_gap) continue;
      index_[hole] = index_[slot];
      hole = slot;
    }
    index_[hole] = kFree;
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
    Reindex(2 * kSpare + count_ + count_ / 2);
  }

  void Reindex(std::size_t size) {
    index_ = {};
    index_.resize(size);
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t position = (oldest_ + i) % capacity_;
      index_[FindSlot(HashAt(position))] = static_cast<std::uint32_t>(position + 1);
    }
  }

  const std::size_t stride_;  // words a record: two of hash, then the caller's
  PageVector<std::uint32_t> ring_;
  std::size_t capacity_ = 0;  // records
  std::size_t oldest_ = 0;
  std::size_t count_ = 0;
  PageVector<std::uint32_t> index_;
};

}  // namespace kvcache
