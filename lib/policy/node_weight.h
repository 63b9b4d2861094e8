// The weight of a node in a queue: kept in mark[1], which hits must leave alone.
#pragma once

#include <cstdint>

#include "kvcache/policy.h"

namespace kvcache {

inline std::uint32_t WeightOf(const PolicyNode& node) {
  return node.mark[1].load(std::memory_order_relaxed);
}
inline void SetWeight(PolicyNode& node, std::uint32_t weight) {
  node.mark[1].store(weight, std::memory_order_relaxed);
}

}  // namespace kvcache
