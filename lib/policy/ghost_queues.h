// What a policy remembers of evicted keys when all that counts is which they were: their hashes, in
// order of eviction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>

#include "base/position_index.h"
#include "policy/ring_lists.h"

namespace kvcache {

// Queues of hashes with their weights, searched all at once by hash; any key can be taken out. A
// hash counts with 60 of its bits. Costs 20 bytes and an index's 5 to 6 a key. Not thread-safe.
class GhostQueues {
 public:
  struct Found {
    unsigned queue;
    std::uint32_t weight;  // with which the key entered
  };

  std::size_t size(unsigned queue = 0) const { return queues_.size(queue); }
  std::uint64_t weight(unsigned queue = 0) const { return queues_.weight(queue); }
  std::size_t MemoryBytes() const { return queues_.MemoryBytes() + index_.MemoryBytes(); }

  // Nothing when the key is not there.
  std::optional<Found> Find(std::uint64_t hash) const {
    const std::uint32_t number = index_.Find(hash << kListBits, *this);
    if (number == PositionIndex::kNone) return std::nullopt;
    return At(number);
  }

  // Enters a key, which is in no queue, as the newest. Without memory it is forgotten.
  void Push(std::uint64_t hash, std::uint32_t weight, unsigned queue = 0) {
    std::uint32_t number = RingLists<Slot>::kNone;
    try {
      number = queues_.NewSlot();
      queues_[number].Set(hash << kListBits, weight);
      queues_.Push(queue, number);
      index_.Add(hash << kListBits, number, *this);
    } catch (const std::bad_alloc&) {
      if (number != RingLists<Slot>::kNone) Leave(number);
    }
  }

  // Forgets a key; nothing when it is not there.
  std::optional<Found> Take(std::uint64_t hash) {
    const std::uint32_t number = index_.Find(hash << kListBits, *this);
    if (number == PositionIndex::kNone) return std::nullopt;
    const Found found = At(number);
    Forget(number);
    return found;
  }

  // Forgets the oldest until no more than so much weight is left, or so many keys are forgotten.
  void Trim(std::uint64_t weight, std::size_t most = ~std::size_t{0}, unsigned queue = 0) {
    ForgetOldest(most, [&](std::uint32_t) { return queues_.weight(queue) > weight; }, queue);
  }

  // Forgets the oldest as long as `forget` says so of its weight; at most so many.
  template <class Forget>
  void ForgetOldest(std::size_t most, Forget&& forget, unsigned queue = 0) {
    for (std::size_t i = 0; i < most && queues_.size(queue) != 0; ++i) {
      const std::uint32_t oldest = queues_.Oldest(queue);
      if (!forget(queues_[oldest].weight())) break;
      this->Forget(oldest);
    }
  }

 private:
  friend class PositionIndex;
  static constexpr unsigned kListBits = 4;

  struct Slot {
    std::uint32_t hash_high;
    std::uint32_t hash_low_and_list;  // the list in its lowest bits
    std::uint32_t newer;
    std::uint32_t older;
    std::uint32_t its_weight;

    // Of a hash whose lowest bits are 0.
    void Set(std::uint64_t hash, std::uint32_t weight) {
      hash_high = static_cast<std::uint32_t>(hash >> 32);
      hash_low_and_list = static_cast<std::uint32_t>(hash);
      its_weight = weight;
    }
    std::uint64_t hash() const {
      return (std::uint64_t{hash_high} << 32) | (hash_low_and_list & ~kListMask);
    }
    unsigned list() const { return hash_low_and_list & kListMask; }
    void set_list(unsigned list) { hash_low_and_list = (hash_low_and_list & ~kListMask) | list; }
    std::uint32_t weight() const { return its_weight; }
    void Clear() { its_weight = 0; }
  };
  static_assert(sizeof(Slot) == 20);
  static constexpr std::uint32_t kListMask = (1U << kListBits) - 1;

  std::uint64_t HashAt(std::uint32_t number) const { return queues_[number].hash(); }
  Found At(std::uint32_t number) const {
    return {queues_[number].list(), queues_[number].weight()};
  }

  void Forget(std::uint32_t number) {
    index_.Erase(HashAt(number), number, *this);
    Leave(number);
  }
  // What the index does not know (any more).
  void Leave(std::uint32_t number) {
    queues_.Remove(number, [this](std::uint32_t from, std::uint32_t to) {
      index_.Erase(HashAt(to), from, *this);
      index_.Add(HashAt(to), to, *this);
    });
  }

  RingLists<Slot> queues_;
  PositionIndex index_;
};

}  // namespace kvcache
