// FIFO: who came first leaves first, whatever was hit.
//
// Parameters: none. Cost: a hit nothing; an eviction the links of a list.
#pragma once

#include "policy/queue_policy.h"

namespace kvcache {

class Fifo final : public NodeQueuesPolicy {
 public:
  explicit Fifo(const PolicyContext& context) : NodeQueuesPolicy(context) {}

  void Insert(PolicyNode& node) override { lists_.Push(kQueue, node); }
  void Touch(PolicyNode&) override {}

  PolicyNode* Evict() override { return lists_.RemoveOldest(kQueue); }

 private:
  static constexpr unsigned kQueue = 0;
};

}  // namespace kvcache
