// SIEVE (Zhang, Yang, Yue, Vigfusson, Rashmi 2024, "SIEVE is simpler than LRU"): a queue in order
// of arrival, and a hand that moves from the oldest to the newest and round again. Entries that
// were hit since it last came by stay where they are, the first that was not leaves. So new entries
// are soon looked at, and old ones that are in use are not moved.
//
// Parameters: none. Cost: a hit one store into the node, once between two visits of the hand; an
// eviction as many steps as entries were hit. Departure in the memory tier: after 128 steps the
// next entry leaves even if it was hit.
#pragma once

#include "policy/queue_policy.h"

namespace kvcache {

class Sieve final : public QueuePolicy {
 public:
  explicit Sieve(const PolicyContext& context) : QueuePolicy(context) {}

  void Insert(PolicyNode& node) override { lists_.Push(kQueue, node); }
  void Touch(PolicyNode& node) override { CountHit(node, 1); }

  void Erase(PolicyNode& node) override {
    if (hand_ == &node) hand_ = lists_.Newer(node);
    lists_.Remove(node);
  }

  PolicyNode* Evict() override {
    PolicyNode* victim = AtHand();
    if (victim == nullptr) return nullptr;
    for (std::size_t passed = 0; passed < most_passed() && Hits(*victim, 1) != 0; ++passed) {
      SetHits(*victim, 0);
      hand_ = lists_.Newer(*victim);
      victim = AtHand();
    }
    hand_ = lists_.Newer(*victim);
    lists_.Remove(*victim);
    return victim;
  }

  void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t weight) override {
    if (hand_ == &old) hand_ = &now;
    QueuePolicy::Replace(old, now, weight);
  }

 private:
  static constexpr unsigned kQueue = 0;

  PolicyNode* AtHand() const { return hand_ != nullptr ? hand_ : lists_.Oldest(kQueue); }

  PolicyNode* hand_ = nullptr;  // null: at the oldest
};

}  // namespace kvcache
