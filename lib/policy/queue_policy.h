// What policies of queues have in common: nodes in order, each with its weight.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kvcache/policy.h"
#include "policy/node_lists.h"
#include "policy/node_queues.h"
#include "policy/node_weight.h"

namespace kvcache {

// Derived provides Insert, Touch and Evict, and Admit where it needs more. mark[0]: what hits
// write, 0 at first; mark[1]: the weight. Lists is NodeLists (QueuePolicy), or NodeQueues
// (NodeQueuesPolicy) where no node but the oldest ever moves.
template <class Lists>
class PolicyOver : public Policy {
 public:
  void Admit(PolicyNode& node, std::uint64_t, std::uint32_t weight) override {
    node.mark[0].store(0, std::memory_order_relaxed);
    SetWeight(node, weight);
  }
  void Erase(PolicyNode& node) override { lists_.Remove(node); }
  std::size_t Settle(std::size_t, std::size_t) override { return 0; }
  PolicyNode* Drain() override { return Evict(); }
  void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t weight) override {
    now.mark[0].store(old.mark[0].load(std::memory_order_relaxed), std::memory_order_relaxed);
    lists_.Replace(old, now, weight);
  }
  std::size_t size() const override { return lists_.size(); }
  std::size_t MemoryBytes() const override { return lists_.MemoryBytes(); }

 protected:
  explicit PolicyOver(const PolicyContext& context)
      : most_passed_(context.exact ? kNoBound : kMostPassedInTier) {}

  // A share of the capacity, rounded down; shares and capacities may be of any size.
  static std::uint64_t ShareOf(std::uint64_t capacity, double share) {
    constexpr double kMost = 1e18;
    return static_cast<std::uint64_t>(std::min(share * static_cast<double>(capacity), kMost));
  }

  // Of a node, at most `most`, whatever its mark holds.
  static std::uint32_t Hits(const PolicyNode& node, std::uint32_t most) {
    const std::uint32_t hits = node.mark[0].load(std::memory_order_relaxed);
    return hits < most ? hits : most;
  }
  static void SetHits(PolicyNode& node, std::uint32_t hits) {
    node.mark[0].store(hits, std::memory_order_relaxed);
  }
  // Counts a hit up to `most`. Not written when it changes nothing, so that the lines of hot nodes
  // stay shared between processors.
  static void CountHit(PolicyNode& node, std::uint32_t most) {
    const std::uint32_t hits = node.mark[0].load(std::memory_order_relaxed);
    if (hits < most) node.mark[0].store(hits + 1, std::memory_order_relaxed);
  }

  // Nodes that one eviction gives another chance before it takes the next one all the same.
  std::size_t most_passed() const { return most_passed_; }

  Lists lists_;

 private:
  static constexpr std::size_t kNoBound = ~std::size_t{0};
  static constexpr std::size_t kMostPassedInTier = 128;

  const std::size_t most_passed_;
};

using QueuePolicy = PolicyOver<NodeLists>;
using NodeQueuesPolicy = PolicyOver<NodeQueues>;

}  // namespace kvcache
