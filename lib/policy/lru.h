// LRU: the least recently used leaves.
//
// Parameters: none. Cost: a hit one store into the node, at most once a tick; an eviction a heap
// operation and the repairs it needs. Departure in the memory tier: recency is known to a tick, a
// 1,024th of the resident entries' insertions (see ranked_policy.h); exact mode is LRU itself.
#pragma once

#include "policy/ranked_policy.h"

namespace kvcache {

// mark[0]: time of the last reference.
class Lru final : public RankedPolicy<Lru> {
 public:
  explicit Lru(const PolicyContext& context) : RankedPolicy(context.exact) {}

  void Admit(PolicyNode& node, std::uint64_t, std::uint32_t) override {
    node.mark[0].store(AdmissionTime(), std::memory_order_relaxed);
  }

  void Touch(PolicyNode& node) override {
    const std::uint32_t now = HitTime();
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

}  // namespace kvcache
