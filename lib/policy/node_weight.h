// The weight of a node in a queue, kept in mark[1], which hits must leave alone; and sums of
// weights.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kvcache/policy.h"

namespace kvcache {

inline std::uint32_t WeightOf(const PolicyNode& node) {
  return node.mark[1].load(std::memory_order_relaxed);
}
inline void SetWeight(PolicyNode& node, std::uint32_t weight) {
  node.mark[1].store(weight, std::memory_order_relaxed);
}

// The sum of so many, when one of this weight has left them. A weight that was overwritten since it
// came must not make the sum wrap round.
inline std::uint64_t Without(std::uint64_t weight, std::uint64_t sum, std::size_t left) {
  return left == 0 ? 0 : sum - std::min(sum, weight);
}

}  // namespace kvcache
