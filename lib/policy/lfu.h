// LFU, in-cache: the least often referenced leaves, of equals the least recently used. Counts are
// those of resident entries; one that comes back begins at 1 again. (With counts kept for ever it
// would be 'perfect LFU'; Breslau et al. 1999, "Web caching and Zipf-like distributions", compare.)
//
// Parameters: none. Cost: a hit two stores into the node; an eviction a heap operation and the
// repairs it needs. Departure in the memory tier: from a count of 16 on, a node counts one
// reference a tick at most (see ranked_policy.h), so that the hottest nodes' lines stay shared
// between processors.
#pragma once

#include <limits>

#include "policy/ranked_policy.h"

namespace kvcache {

// mark[0]: references; mark[1]: time of the last.
class Lfu final : public RankedPolicy<Lfu> {
 public:
  explicit Lfu(const PolicyContext& context) : RankedPolicy(context.exact) {}

  void Admit(PolicyNode& node, std::uint64_t, std::uint32_t) override {
    node.mark[0].store(1, std::memory_order_relaxed);
    node.mark[1].store(AdmissionTime(), std::memory_order_relaxed);
  }

  void Mark(PolicyNode& node, std::uint32_t now) {
    const std::uint32_t count = node.mark[0].load(std::memory_order_relaxed);
    const bool seen_in_this_tick = node.mark[1].load(std::memory_order_relaxed) == now;
    MarkTarget target(node, !seen_in_this_tick | (count < kCountedAlways));
    std::atomic<std::uint32_t>* const marks = target.marks();
    marks[0].store(count + (count != kMost), std::memory_order_relaxed);
    marks[1].store(now, std::memory_order_relaxed);
  }

  std::uint64_t Rank(const PolicyNode& node) const {
    return (std::uint64_t{node.mark[0].load(std::memory_order_relaxed)} << 32) |
           node.mark[1].load(std::memory_order_relaxed);
  }
  static std::uint64_t RebaseRank(std::uint64_t rank) {
    return (rank >> 32 << 32) | RebaseTime(static_cast<std::uint32_t>(rank));
  }
  static void RebaseMarks(PolicyNode& node) { RebaseMark(node.mark[1]); }

  using RankedPolicy::SetClockForTest;

 private:
  static constexpr std::uint32_t kCountedAlways = 16;
  static constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
};

}  // namespace kvcache
