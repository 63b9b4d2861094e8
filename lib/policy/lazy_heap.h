// The order keeper of policies that evict the node of least rank: a heap of recorded ranks.
//
// Ranks change while nodes are hit, the heap does not: it is repaired when a victim is wanted (see
// ranked_policy.h). Four children a node: with 16-byte items a family fills one cache line.
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

// Not thread-safe. A node in the heap has its index in `position`; elsewhere that is meaningless.
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

  bool Has(const PolicyNode& node) const {
    return node.position < items_.size() && items_[node.position].node == &node;
  }

  void Push(PolicyNode& node, const Rank& rank) {
    items_.push_back({});
    SiftUp(items_.size() - 1, {rank, &node});
  }

  void Remove(PolicyNode& node) {
    const std::size_t hole = node.position;
    assert(items_[hole].node == &node);
    const Item last = items_.back();
    items_.pop_back();
    if (last.node != &node) Sift(hole, last);
    if (items_.size() * sizeof(Item) < items_.capacity_bytes() / 2) items_.shrink_to_fit();
  }

  void ChangeRank(PolicyNode& node, const Rank& rank) { Sift(node.position, {rank, &node}); }

  // `now` takes the place of `old` and has its marks.
  void Replace(PolicyNode& old, PolicyNode& now) {
    assert(items_[old.position].node == &old);
    for (int i = 0; i < 2; ++i) {
      now.mark[i].store(old.mark[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    Put(old.position, {items_[old.position].rank, &now});
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
      const std::size_t end = std::min(first + 4, items_.size());
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        if (items_[child].rank < items_[least].rank) least = child;
      }
      if (item.rank <= items_[least].rank) break;
      Put(hole, items_[least]);
      hole = least;
    }
    Put(hole, item);
  }

  PageVector<Item> items_;
};

}  // namespace kvcache
