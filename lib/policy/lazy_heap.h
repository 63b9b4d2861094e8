// The order keeper of policies that evict the node of least rank: a heap of recorded ranks.
//
// Ranks change while nodes are hit, the heap does not: it is repaired when a victim is wanted (see
// ranked_policy.h). Four children a node: with 16-byte items a family fills one cache line.
//
// A node's `position` says where its item was put last. Items that rise are not told, so an item is
// where its node's position says or above: an eviction moves one item a level up, and a store into
// each one's node would be as many cache misses.
//
// Rank is a plain value with an order, of the kind that only grows while a node is resident.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "base/pages.h"
#include "kvcache/policy.h"

namespace kvcache {

// Not thread-safe. A node's `position` is the heap's while it is in it, and meaningless elsewhere.
template <class Rank = std::uint64_t>
class LazyHeap {
 public:
  struct Item {
    Rank rank;
    PolicyNode* node;
  };

  LazyHeap() { items_.resize(kRoot); }

  bool empty() const { return size() == 0; }
  std::size_t size() const { return items_.size() - kRoot; }
  std::size_t MemoryBytes() const { return items_.capacity_bytes(); }
  const Item& top() const { return items_[kRoot]; }
  // The i-th item in no particular order, i < size().
  const Item& operator[](std::size_t i) const { return items_[kRoot + i]; }

  bool Has(const PolicyNode& node) const { return IsAt(IndexOf(node), node); }

  void Push(PolicyNode& node, const Rank& rank) {
    items_.push_back({});
    SiftUp(items_.size() - 1, {rank, &node});
  }

  void Remove(PolicyNode& node) {
    const std::size_t hole = IndexOf(node);
    assert(IsAt(hole, node));
    const Item last = items_.back();
    items_.pop_back();
    if (last.node != &node) Sift(hole, last);
    if (items_.size() * sizeof(Item) < items_.capacity_bytes() / 2) items_.shrink_to_fit();
  }

  void ChangeRank(PolicyNode& node, const Rank& rank) { Sift(IndexOf(node), {rank, &node}); }

  // `now` takes the place of `old` and has its marks.
  void Replace(PolicyNode& old, PolicyNode& now) {
    const std::size_t place = IndexOf(old);
    assert(IsAt(place, old));
    for (int i = 0; i < 2; ++i) {
      now.mark[i].store(old.mark[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    Put(place, {items_[place].rank, &now});
  }

  // Applies a function that keeps the order to every rank.
  template <class F>
  void MapRanks(F&& map) {
    for (std::size_t i = kRoot; i < items_.size(); ++i) items_[i].rank = map(items_[i].rank);
  }

 private:
  // Item i has its children at 4 (i - 2): families then begin at multiples of 64 bytes.
  static constexpr std::size_t kRoot = 3;
  static std::size_t Parent(std::size_t i) { return i / 4 + 2; }
  static std::size_t FirstChild(std::size_t i) { return 4 * (i - 2); }

  bool IsAt(std::size_t i, const PolicyNode& node) const {
    return i >= kRoot && i < items_.size() && items_[i].node == &node;
  }
  // Of a node in the heap. The root first: it is wanted most often, and has risen furthest.
  std::size_t IndexOf(const PolicyNode& node) const {
    if (IsAt(kRoot, node)) return kRoot;
    std::size_t i = node.position;
    while (i > kRoot && !IsAt(i, node)) i = Parent(i);
    return i;
  }

  void Put(std::size_t i, const Item& item) {
    items_[i] = item;
    item.node->position = static_cast<std::uint32_t>(i);
  }

  void Sift(std::size_t hole, const Item& item) {
    if (hole != kRoot && item.rank < items_[Parent(hole)].rank) {
      SiftUp(hole, item);
    } else {
      SiftDown(hole, item);
    }
  }

  void SiftUp(std::size_t hole, const Item& item) {
    while (hole != kRoot && item.rank < items_[Parent(hole)].rank) {
      Put(hole, items_[Parent(hole)]);
      hole = Parent(hole);
    }
    Put(hole, item);
  }

  void SiftDown(std::size_t hole, const Item& item) {
    while (FirstChild(hole) < items_.size()) {
      const std::size_t first = FirstChild(hole);
      const std::size_t least = LeastOfFamily(first);
      if (item.rank <= items_[least].rank) break;
      items_[hole] = items_[least];  // it rises
      hole = least;
    }
    Put(hole, item);
  }

  // In a full family without a branch: no processor can predict which child it is.
  std::size_t LeastOfFamily(std::size_t first) const {
    const std::size_t end = items_.size();
    if (first + 4 <= end) {
      const std::size_t left = LesserOf(first, first + 1);
      const std::size_t right = LesserOf(first + 2, first + 3);
      return LesserOf(left, right);
    }
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) least = LesserOf(least, child);
    return least;
  }
  std::size_t LesserOf(std::size_t a, std::size_t b) const {
    return a + (b - a) * std::size_t{items_[b].rank < items_[a].rank};
  }

  PageVector<Item> items_;
};

}  // namespace kvcache
