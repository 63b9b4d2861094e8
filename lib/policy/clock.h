// CLOCK (Corbató 1968, "A paging experiment with the Multics system"): a hand goes round the
// entries; one that was hit since it last came by is passed over, the first that was not leaves.
//
// Parameters: bits, of each entry's counter (1 is CLOCK itself): an entry hit n times is passed
// over min(n, 2^bits - 1) times, as in the generalized CLOCK of Smith 1978. Cost: a hit one store
// into the node, until the counter is full; an eviction as many steps as entries were hit since the
// last one. Departure in the memory tier: after 128 steps the next entry leaves even if it was hit.
#pragma once

#include "policy/queue_policy.h"

namespace kvcache {

// The hand is at the oldest node; passing it makes it the newest.
class Clock final : public NodeQueuesPolicy {
 public:
  Clock(const PolicyContext& context, unsigned bits)
      : NodeQueuesPolicy(context), most_hits_((1U << bits) - 1) {}

  void Insert(PolicyNode& node) override { lists_.Push(kRing, node); }
  void Touch(PolicyNode& node) override { CountHit(node, most_hits_); }

  PolicyNode* Evict() override {
    PolicyNode* victim = lists_.Oldest(kRing);
    if (victim == nullptr) return nullptr;
    for (std::size_t passed = 0; passed < most_passed(); ++passed) {
      const std::uint32_t hits = Hits(*victim, most_hits_);
      if (hits == 0) break;
      SetHits(*victim, hits - 1);
      lists_.Rotate(kRing);
      victim = lists_.Oldest(kRing);
    }
    lists_.Remove(*victim);
    return victim;
  }

 private:
  static constexpr unsigned kRing = 0;

  const std::uint32_t most_hits_;
};

}  // namespace kvcache
