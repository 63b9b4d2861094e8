// LFU with dynamic ageing (Arlitt, Cherkasova, Dilley, Friedrich, Jin 1999, "Evaluating content
// management techniques for web proxy caches"): the entry of least count plus age leaves, age being
// that sum of the last victim at the time of the entry's last use. Counts are those of resident
// entries.
//
// Parameters: none. Cost: a hit, which takes the shard's lock, and an eviction a heap operation;
// 24 bytes an entry beside its node. No departure.
#pragma once

#include "policy/greedy_dual.h"

namespace kvcache {

class LfuDa final : public GreedyDual<LfuDa> {
 public:
  explicit LfuDa(const PolicyContext&) {}

  static double Worth(std::uint32_t) { return 1; }
};

}  // namespace kvcache
