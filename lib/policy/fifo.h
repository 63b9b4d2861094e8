// FIFO: who came first leaves first, whatever was hit.
//
// Parameters: none. Cost: a hit nothing; an eviction the links of a list.
#pragma once

#include "policy/queue_policy.h"

namespace kvcache {

class Fifo final : public QueuePolicy {
 public:
  explicit Fifo(const PolicyContext& context) : QueuePolicy(context) {}

  void Insert(PolicyNode& node) override { lists_.Push(kQueue, node); }
  void Touch(PolicyNode&) override {}

  PolicyNode* Evict() override {
    PolicyNode* victim = lists_.Oldest(kQueue);
    if (victim != nullptr) lists_.Remove(*victim);
    return victim;
  }

 private:
  static constexpr unsigned kQueue = 0;
};

}  // namespace kvcache
