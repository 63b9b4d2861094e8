// LRU: the least recently used leaves.
//
// Parameters: none. Cost: a hit one store into the node, at most once a tick; an eviction a heap
// operation and the repairs it needs. Departure in the memory tier: recency is known to a tick, a
// 1,024th of the resident entries' insertions (see ranked_policy.h); exact mode is LRU itself.
// Where one thread has the policy to itself, as in the simulator, it keeps a list, which is faster.
#pragma once

#include "policy/queue_policy.h"
#include "policy/ranked_policy.h"

namespace kvcache {

// mark[0]: time of the last reference.
class Lru final : public RankedPolicy<Lru> {
 public:
  explicit Lru(const PolicyContext& context) : RankedPolicy(context.exact) {}

  void Admit(PolicyNode& node, std::uint64_t, std::uint32_t) override {
    node.mark[0].store(AdmissionTime(), std::memory_order_relaxed);
  }

  void Mark(PolicyNode& node, std::uint32_t now) {
    const bool changes = node.mark[0].load(std::memory_order_relaxed) != now;
    MarkTarget(node, changes).marks()[0].store(now, std::memory_order_relaxed);
  }

  std::uint64_t Rank(const PolicyNode& node) const {
    return node.mark[0].load(std::memory_order_relaxed);
  }
  static std::uint64_t RebaseRank(std::uint64_t rank) {
    return RebaseTime(static_cast<std::uint32_t>(rank));
  }
  static void RebaseMarks(PolicyNode& node) { RebaseMark(node.mark[0]); }

  using RankedPolicy::SetClockForTest;
};

// The same, exactly, for one thread.
class LruInList final : public QueuePolicy {
 public:
  explicit LruInList(const PolicyContext& context) : QueuePolicy(context) {}

  void Insert(PolicyNode& node) override { lists_.Push(kList, node); }
  void Touch(PolicyNode& node) override {
    if (lists_.Has(node)) lists_.MoveTo(kList, node);
  }
  PolicyNode* Evict() override { return lists_.RemoveOldest(kList); }

 private:
  static constexpr unsigned kList = 0;
};

}  // namespace kvcache
