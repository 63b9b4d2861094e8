// What a policy remembers of evicted keys when all that counts is which they were: their hashes, in
// order of eviction.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/pages.h"
#include "base/position_index.h"

namespace kvcache {

// Queues of hashes with their weights, searched by hash, all at once; any key can be taken out.
// Costs 12 to 15 bytes and an index's 8 a key, and as much again for keys taken out of the middle,
// until they are half of all. Not thread-safe.
template <unsigned kQueues>
class GhostQueues {
 public:
  struct Found {
    unsigned queue;
    std::uint32_t weight;  // with which the key entered
  };

  std::size_t size(unsigned queue = 0) const { return rings_[queue].live; }
  std::uint64_t weight(unsigned queue = 0) const { return rings_[queue].weight; }
  std::size_t MemoryBytes() const {
    std::size_t bytes = index_.MemoryBytes();
    for (const Ring& ring : rings_) bytes += ring.ghosts.capacity_bytes();
    return bytes;
  }

  // Nothing when the key is not there.
  std::optional<Found> Find(std::uint64_t hash) const {
    const std::uint32_t position = index_.Find(hash, *this);
    if (position == PositionIndex::kNone) return std::nullopt;
    const unsigned queue = position % kQueues;
    return Found{queue, rings_[queue].ghosts[position / kQueues].weight};
  }

  // Enters a key as the newest of a queue. One that is in any of them already moves there.
  void Push(std::uint64_t hash, std::uint32_t weight, unsigned queue = 0) {
    Take(hash);
    if (weight == kTakenOut) ++weight;
    Ring& ring = rings_[queue];
    const bool sparse = ring.capacity > 4 * kSpare && ring.live < ring.capacity / 4;
    if (ring.count == ring.capacity || sparse) Resize(ring);
    const std::size_t end = ring.oldest + ring.count;
    const std::size_t place = end < ring.capacity ? end : end - ring.capacity;
    ring.ghosts[place] = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(hash >> 32),
                          weight};
    ++ring.count;
    ++ring.live;
    ring.weight += weight;
    index_.Add(hash, PositionOf(place, queue), *this);
  }

  // Forgets a key; nothing when it is not there.
  std::optional<Found> Take(std::uint64_t hash) {
    const std::uint32_t position = index_.Find(hash, *this);
    if (position == PositionIndex::kNone) return std::nullopt;
    const unsigned queue = position % kQueues;
    const Found found{queue, rings_[queue].ghosts[position / kQueues].weight};
    Leave(queue, position / kQueues);
    return found;
  }

  // Forgets the oldest until no more than so much weight is left, in at most so many steps.
  void Trim(std::uint64_t weight, std::size_t most_steps = ~std::size_t{0}, unsigned queue = 0) {
    ForgetOldest(most_steps, [&](std::uint32_t) { return rings_[queue].weight > weight; }, queue);
  }

  // Forgets the oldest as long as `forget` says so of its weight; at most so many steps.
  template <class Forget>
  void ForgetOldest(std::size_t most, Forget&& forget, unsigned queue = 0) {
    Ring& ring = rings_[queue];
    for (std::size_t step = 0; step < most && ring.count != 0; ++step) {
      const Ghost& oldest = ring.ghosts[ring.oldest];
      if (oldest.weight != kTakenOut) {
        if (!forget(oldest.weight)) break;
        Leave(queue, ring.oldest);
      }
      ring.oldest = ring.oldest + 1 == ring.capacity ? 0 : ring.oldest + 1;
      --ring.count;
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

  struct Ring {
    PageVector<Ghost> ghosts;
    std::size_t capacity = 0;
    std::size_t oldest = 0;
    std::size_t count = 0;  // with those taken out
    std::size_t live = 0;
    std::uint64_t weight = 0;
  };

  // What the index knows of a ghost: its place in its queue's ring, and the queue.
  static std::uint32_t PositionOf(std::size_t place, unsigned queue) {
    return static_cast<std::uint32_t>(place * kQueues + queue);
  }
  std::uint64_t HashAt(std::size_t position) const {
    return HashOf(rings_[position % kQueues].ghosts[position / kQueues]);
  }
  static std::uint64_t HashOf(const Ghost& ghost) {
    return ghost.hash_low | (std::uint64_t{ghost.hash_high} << 32);
  }

  void Leave(unsigned queue, std::size_t place) {
    Ring& ring = rings_[queue];
    Ghost& ghost = ring.ghosts[place];
    index_.Erase(HashOf(ghost), PositionOf(place, queue), *this);
    ring.weight -= ghost.weight;
    ghost.weight = kTakenOut;
    --ring.live;
  }

  // To a ring of the live ones alone, that begins at its place 0.
  void Resize(Ring& ring) {
    const std::size_t capacity = ring.live + kSpare + ring.live / 4;
    PageVector<Ghost> ghosts;
    ghosts.resize(capacity);
    std::size_t kept = 0;
    ForEachLive(ring, [&](const Ghost& ghost, std::size_t) { ghosts[kept++] = ghost; });
    ring.ghosts = std::move(ghosts);
    ring.capacity = capacity;
    ring.oldest = 0;
    ring.count = kept;
    RebuildIndex();
  }

  void RebuildIndex() {
    std::size_t most = 0;
    for (const Ring& ring : rings_) most = std::max(most, ring.capacity);
    index_ = {};
    index_.Reserve(most * kQueues, *this);
    for (unsigned queue = 0; queue < kQueues; ++queue) {
      ForEachLive(rings_[queue], [&](const Ghost& ghost, std::size_t place) {
        index_.Add(HashOf(ghost), PositionOf(place, queue), *this);
      });
    }
  }

  // From the oldest on: `f(ghost, place)`.
  template <class F>
  static void ForEachLive(const Ring& ring, F&& f) {
    for (std::size_t i = 0; i < ring.count; ++i) {
      const std::size_t place = (ring.oldest + i) % ring.capacity;
      if (ring.ghosts[place].weight != kTakenOut) f(ring.ghosts[place], place);
    }
  }

  std::array<Ring, kQueues> rings_;
  PositionIndex index_;
};

using GhostQueue = GhostQueues<1>;

}  // namespace kvcache
