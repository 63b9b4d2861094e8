// What lfu-da and gdsf share: the entry of least priority leaves, and its priority is the age that
// is added to all that are inserted or hit from then on. So an entry that was popular once is
// overtaken.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kvcache/policy.h"
#include "policy/lazy_heap.h"
#include "policy/node_weight.h"

namespace kvcache {

// Derived says what a reference is worth. mark[0]: references, mark[1]: weight. The age at a node's
// last reference has no place in the node, so a hit re-ranks it at once, and takes the lock.
// Ties: the least recently used leaves.
template <class Derived>
class GreedyDual : public Policy {
 public:
  void Admit(PolicyNode& node, std::uint64_t, std::uint32_t weight) override {
    node.mark[0].store(1, std::memory_order_relaxed);
    SetWeight(node, weight);
  }
  void Insert(PolicyNode& node) override { heap_.Push(node, Rank(node)); }

  void Touch(PolicyNode& node) override {
    if (!heap_.Has(node)) return;
    const std::uint32_t count = References(node);
    node.mark[0].store(count + (count != kMost), std::memory_order_relaxed);
    heap_.ChangeRank(node, Rank(node));
  }

  void Erase(PolicyNode& node) override { heap_.Remove(node); }

  PolicyNode* Evict() override {
    if (heap_.empty()) return nullptr;
    age_ = heap_.top().rank.priority;
    PolicyNode* victim = heap_.top().node;
    heap_.Remove(*victim);
    return victim;
  }
  PolicyNode* Drain() override { return Evict(); }
  std::size_t Settle(std::size_t, std::size_t) override { return 0; }

  void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t weight) override {
    heap_.Replace(old, now);
    SetWeight(now, weight);
  }

  std::size_t size() const override { return heap_.size(); }
  std::size_t MemoryBytes() const override { return heap_.MemoryBytes(); }

 private:
  friend Derived;
  GreedyDual() = default;

  struct PriorityAndTime {
    double priority;
    std::uint64_t time;

    friend auto operator<=>(const PriorityAndTime&, const PriorityAndTime&) = default;
  };

  static constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

  static std::uint32_t References(const PolicyNode& node) {
    return node.mark[0].load(std::memory_order_relaxed);
  }
  PriorityAndTime Rank(const PolicyNode& node) {
    const double worth = Derived::Worth(WeightOf(node));
    return {age_ + References(node) * worth, ++now_};
  }

  double age_ = 0;  // the priority of the last victim
  std::uint64_t now_ = 0;
  LazyHeap<PriorityAndTime> heap_;
};

}  // namespace kvcache
