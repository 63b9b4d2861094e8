// GDSF, greedy dual size with frequency (Cherkasova 1998, "Improving WWW proxies performance with
// greedy-dual-size-frequency caching policy"): the entry of least age + count / size leaves, age
// being that sum of the last victim at the time of the entry's last use. Small entries stay longer,
// so more requests hit and fewer bytes. All misses cost the same. Counts are those of resident
// entries.
//
// Parameters: none. Cost: a hit, which takes the shard's lock, and an eviction a heap operation;
// 24 bytes an entry beside its node. No departure.
#pragma once

#include "policy/greedy_dual.h"

namespace kvcache {

class Gdsf final : public GreedyDual<Gdsf> {
 public:
  explicit Gdsf(const PolicyContext&) {}

  static double Worth(std::uint32_t weight) { return 1.0 / (weight == 0 ? 1 : weight); }
};

}  // namespace kvcache
