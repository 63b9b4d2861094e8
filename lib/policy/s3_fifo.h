// S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi, SOSP 2023, "FIFO queues are all you need for cache
// eviction"): new entries enter a small queue; those that were hit there move on to the main queue,
// the others leave and are remembered in a ghost queue; a key that comes back while remembered
// enters the main queue at once. The main queue is a CLOCK with two bits.
//
// Parameters: small, the small queue's share of the capacity; ghost, the weight remembered, as a
// share of the capacity; promote, the hits with which an entry moves on. The paper: 0.1, as much as
// the main queue holds (0.9), and 2 ("accessed more than once", in the authors' program and here).
//
// Cost: a hit one store into the node, the first three times; an eviction a few steps; 5 to 6 bytes
// a ghost. Departures: an entry larger than the small queue enters it all the same; in the memory
// tier an eviction moves or passes over at most 128 entries of each queue, and ghosts are
// fingerprints; in exact order they are a queue, of 26 bytes each.
#pragma once

#include <algorithm>
#include <functional>

#include "policy/ghost_filter.h"
#include "policy/ghost_queues.h"
#include "policy/queue_policy.h"

namespace kvcache {

class S3Fifo final : public NodeQueuesPolicy {
 public:
  S3Fifo(const PolicyContext& context, double small, double ghost, std::uint32_t promote)
      : NodeQueuesPolicy(context),
        hash_(context.hash),
        exact_(context.exact),
        small_share_(small),
        ghost_share_(ghost),
        promote_(promote) {}

  void SetCapacity(std::uint64_t weight) override {
    most_in_main_ = weight - std::min(weight, ShareOf(weight, small_share_));
    most_in_ghost_ = ShareOf(weight, ghost_share_);
  }

  void Admit(PolicyNode& node, std::uint64_t hash, std::uint32_t weight) override {
    NodeQueuesPolicy::Admit(node, hash, weight);
    enters_ = TakeGhost(hash) ? kMain : kSmall;
  }
  void Insert(PolicyNode& node) override { lists_.Push(enters_, node); }
  void Touch(PolicyNode& node) override { CountHit(node, kMostHits); }

  PolicyNode* Evict() override {
    PolicyNode* victim = nullptr;
    while (victim == nullptr && lists_.size() != 0) {
      const bool from_main = lists_.weight(kMain) > most_in_main_ || lists_.size(kSmall) == 0;
      victim = from_main ? EvictFromMain() : EvictFromSmall();
    }
    return victim;
  }
  std::size_t MemoryBytes() const override {
    return NodeQueuesPolicy::MemoryBytes() + ghosts_.MemoryBytes() + exact_ghosts_.MemoryBytes();
  }

 private:
  static constexpr unsigned kSmall = 0;
  static constexpr unsigned kMain = 1;
  static constexpr std::uint32_t kMostHits = 3;

  void AddGhost(std::uint64_t hash, std::uint32_t weight) {
    if (!exact_) return ghosts_.Push(hash, weight, most_in_ghost_);
    exact_ghosts_.Push(hash, weight);
    exact_ghosts_.Trim(most_in_ghost_);
  }
  bool TakeGhost(std::uint64_t hash) {
    return exact_ ? exact_ghosts_.Take(hash).has_value() : ghosts_.Take(hash);
  }

  // Null when every entry moved on. One that there is no memory to move leaves.
  PolicyNode* EvictFromSmall() {
    PolicyNode* node = lists_.Oldest(kSmall);
    for (std::size_t moved = 0; node != nullptr && moved < most_passed(); ++moved) {
      if (Hits(*node, kMostHits) < promote_ || !lists_.MoveOldest(kSmall)) break;
      SetHits(*node, 0);
      node = lists_.Oldest(kSmall);
    }
    if (node == nullptr) return nullptr;
    AddGhost(hash_(*node), WeightOf(*node));
    lists_.Remove(*node);
    return node;
  }

  PolicyNode* EvictFromMain() {
    PolicyNode* node = lists_.Oldest(kMain);
    for (std::size_t passed = 0; passed < most_passed(); ++passed) {
      const std::uint32_t hits = Hits(*node, kMostHits);
      if (hits == 0) break;
      SetHits(*node, hits - 1);
      lists_.Rotate(kMain);
      node = lists_.Oldest(kMain);
    }
    lists_.Remove(*node);
    return node;
  }

  const std::function<std::uint64_t(const PolicyNode&)> hash_;
  const bool exact_;
  const double small_share_;
  const double ghost_share_;
  const std::uint32_t promote_;
  std::uint64_t most_in_main_ = ~std::uint64_t{0};
  std::uint64_t most_in_ghost_ = 0;
  unsigned enters_ = kSmall;
  // One of them is used.
  GhostFilter ghosts_;
  GhostQueues exact_ghosts_;
};

}  // namespace kvcache
