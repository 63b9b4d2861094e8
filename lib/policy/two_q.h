// 2Q (Johnson, Shasha, VLDB 1994, "2Q: a low overhead high performance buffer management
// replacement algorithm"), the full version. New entries enter A1in, a FIFO queue in which hits
// change nothing. Those that leave it are remembered in A1out, a ghost queue; a key that comes back
// while it is remembered enters Am, an LRU list. A1in gives up its oldest if it holds more than its
// share, otherwise Am does, whose entries leave without a trace.
//
// Parameters: kin, A1in's share of the capacity; kout, the weight remembered, as a share of the
// capacity. The paper's values.
//
// Cost: a hit in Am moves one entry, one in A1in nothing; an eviction one step; about 26 bytes a
// ghost. Departures: a key that comes back is forgotten before room is made for it, so that it
// pushes no other out of A1out; Am being empty, A1in gives up its oldest whatever it holds; in the
// memory tier an eviction forgets at most 128 ghosts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "policy/ghost_queues.h"
#include "policy/queue_policy.h"

namespace kvcache {

class TwoQ final : public QueuePolicy {
 public:
  TwoQ(const PolicyContext& context, double kin, double kout)
      : QueuePolicy(context), hash_(context.hash), in_share_(kin), out_share_(kout) {}

  void SetCapacity(std::uint64_t weight) override {
    most_in_ = ShareOf(weight, in_share_);
    most_out_ = ShareOf(weight, out_share_);
  }

  void Admit(PolicyNode& node, std::uint64_t hash, std::uint32_t weight) override {
    QueuePolicy::Admit(node, hash, weight);
    enters_ = out_.Take(hash) ? kMain : kIn;
  }
  void Insert(PolicyNode& node) override { lists_.Push(enters_, node); }
  void Touch(PolicyNode& node) override {
    if (lists_.Has(node) && lists_.ListOf(node) == kMain) lists_.MoveTo(kMain, node);
  }

  PolicyNode* Evict() override {
    const bool from_in = lists_.weight(kIn) > most_in_ || lists_.size(kMain) == 0;
    PolicyNode* victim = lists_.Oldest(from_in ? kIn : kMain);
    if (victim == nullptr) return nullptr;
    if (from_in) {
      out_.Push(hash_(*victim), WeightOf(*victim));
      out_.Trim(most_out_, most_passed());
    }
    lists_.Remove(*victim);
    return victim;
  }
  std::size_t MemoryBytes() const override {
    return QueuePolicy::MemoryBytes() + out_.MemoryBytes();
  }

 private:
  static constexpr unsigned kIn = 0;
  static constexpr unsigned kMain = 1;

  const std::function<std::uint64_t(const PolicyNode&)> hash_;
  const double in_share_;
  const double out_share_;
  std::uint64_t most_in_ = 0;
  std::uint64_t most_out_ = 0;
  unsigned enters_ = kIn;
  GhostQueues out_;
};

}  // namespace kvcache
