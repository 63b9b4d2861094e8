// Segmented LRU (Karedla, Love, Wherry, IEEE Computer 1994, "Caching strategies to improve disk
// system performance"): LRU lists one above the other. A new entry enters the lowest segment, each
// hit takes an entry to the newest end of the next higher one; what a segment has too much of goes,
// oldest first, to the newest end of the one below. The oldest of the lowest segment leaves.
//
// Parameters: protected, the share of the capacity that the segments above the lowest may take, in
// equal parts; segments, how many there are; fill, 1: while there is room, a new entry enters the
// lowest segment that has some, so that a cache that fills up protects what came first until hits
// put others in its place. The paper has two segments, a share that is tuned, and new entries in
// the lowest always. libCacheSim's SLRU is segments=4,protected=0.75,fill=1.
//
// Cost: a hit moves one entry up and at most one down from each segment, if all are of one size; an
// eviction one step; no history. Departures: sizes (an entry larger than a segment is moved down
// again by the hit that moved it up); in the memory tier a hit or an eviction moves at most 128
// entries down.
#pragma once

#include <cstddef>
#include <cstdint>

#include "policy/queue_policy.h"

namespace kvcache {

// List i is segment i.
class Slru final : public QueuePolicy {
 public:
  static constexpr unsigned kMostSegments = 8;

  // 2 to kMostSegments segments; all but the lowest have `protected_share` of the capacity.
  Slru(const PolicyContext& context, double protected_share, unsigned segments, bool fill)
      : QueuePolicy(context), share_(protected_share), top_(segments - 1), fill_(fill) {}

  void SetCapacity(std::uint64_t weight) override {
    most_in_segment_ = ShareOf(weight, share_) / top_;
    most_in_lowest_ = ShareOf(weight, 1 - share_);
  }

  void Insert(PolicyNode& node) override {
    lists_.Push(fill_ ? LowestWithRoomFor(WeightOf(node)) : kLowest, node);
  }
  void Touch(PolicyNode& node) override {
    if (!lists_.Has(node)) return;
    const unsigned segment = lists_.ListOf(node);
    if (segment == top_) return lists_.MoveTo(top_, node);
    lists_.MoveTo(segment + 1, node);
    MoveDown(segment + 1);
  }

  PolicyNode* Evict() override {
    // Finds something to do where the capacity changed, an entry above was written with a larger
    // value, or a hit moved as many down as it may.
    MoveDown(top_);
    for (unsigned segment = kLowest; segment <= top_; ++segment) {
      if (PolicyNode* victim = lists_.RemoveOldest(segment)) return victim;
    }
    return nullptr;
  }

 private:
  static constexpr unsigned kLowest = 0;

  unsigned LowestWithRoomFor(std::uint32_t weight) const {
    if (lists_.weight(kLowest) + weight <= most_in_lowest_) return kLowest;
    for (unsigned segment = kLowest + 1; segment <= top_; ++segment) {
      if (lists_.weight(segment) + weight <= most_in_segment_) return segment;
    }
    return kLowest;
  }

  // What this segment and those below it have too much of.
  void MoveDown(unsigned segment) {
    std::size_t moved = 0;
    for (; segment != kLowest; --segment) {
      while (lists_.weight(segment) > most_in_segment_ && moved < most_passed()) {
        lists_.MoveTo(segment - 1, *lists_.Oldest(segment));
        ++moved;
      }
    }
  }

  const double share_;  // of the capacity, of all segments but the lowest
  const unsigned top_;
  const bool fill_;
  std::uint64_t most_in_segment_ = 0;  // of each but the lowest
  std::uint64_t most_in_lowest_ = 0;   // from here on fill looks higher; no limit
};

}  // namespace kvcache
