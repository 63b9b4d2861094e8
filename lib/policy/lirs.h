// LIRS (Jiang, Zhang, SIGMETRICS 2002, "LIRS: an efficient low inter-reference recency set
// replacement policy to improve buffer cache performance"). Most of the capacity is for LIR
// entries, whose last two uses were close together; the rest is a queue Q of resident HIR entries,
// of which the least recently used leaves. An HIR entry, resident or remembered, that is used again
// while it is in the stack S, that is, after the use of the LIR entry that was not used for
// longest, becomes LIR, and that one HIR.
//
// Parameters: hir, Q's share of the capacity (the paper: 0.01), at least two entries of mean
// weight; ghost, how many evicted entries are remembered, as a multiple of the resident ones (the
// paper: as many as are in S).
//
// S is not kept. HIR entries are in it if they were used after the oldest LIR entry, which a clock
// tells that ticks with uses of HIR entries: nothing needs pruning, and every operation takes a
// constant number of steps but those that demote. Costs 16 bytes an entry and about 26 a ghost.
//
// Departures: uses of the same entry in a row count once, as in the authors' program; an entry
// heavier than all that LIR entries may have stays HIR; where LIR entries are fewer than they may
// be, HIR ones become LIR by any hit. In the memory tier, where evictions come in batches, Q has
// room for a batch and two entries at least, and at most 128 entries are demoted at once. After
// 2^32 uses of HIR entries without one of some LIR entry, S is too short for a while.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>

#include "policy/ghost_queues.h"
#include "policy/queue_policy.h"
#include "policy/tier_rules.h"

namespace kvcache {

// mark[0]: the clock's time of the last use.
class Lirs final : public QueuePolicy {
 public:
  Lirs(const PolicyContext& context, double hir, double ghost)
      : QueuePolicy(context),
        hash_(context.hash),
        exact_(context.exact),
        hir_share_(hir),
        ghosts_per_entry_(ghost) {}

  void SetCapacity(std::uint64_t weight) override { capacity_ = weight; }

  void Admit(PolicyNode& node, std::uint64_t hash, std::uint32_t weight) override {
    QueuePolicy::Admit(node, hash, weight);
    const auto ghost = ghosts_.Take(hash);
    used_again_ = ghost && InStack(ghost->weight);
  }

  void Insert(PolicyNode& node) override {
    lists_.Push(kHir, node);
    const bool warming_up = Weight() <= MostInLir();
    Used(node, std::exchange(used_again_, false) || warming_up);
  }

  void Touch(PolicyNode& node) override {
    if (!lists_.Has(node) || &node == last_used_) return;
    if (lists_.ListOf(node) == kLir) {
      lists_.MoveTo(kLir, node);
      SetTime(node);
      last_used_ = &node;
    } else {
      const bool room = lists_.weight(kLir) + WeightOf(node) <= MostInLir();
      Used(node, room || InStack(TimeOf(node)));
    }
  }

  void Erase(PolicyNode& node) override {
    QueuePolicy::Erase(node);
    ForgetGhosts();
  }

  PolicyNode* Evict() override {
    if (lists_.size() == 0) return nullptr;
    DemoteLir(MostInLir());
    if (lists_.size(kHir) == 0) {
      // Less fits than was said; exactly known capacities are only short of room for one entry.
      if (!exact_) capacity_ = std::min(capacity_, Weight());
      DemoteLir(MostInLir());
    }
    PolicyNode* victim = lists_.Oldest(kHir);
    if (victim == nullptr) {
      victim = lists_.Oldest(kLir);
    } else if (InStack(TimeOf(*victim))) {
      ghosts_.Push(hash_(*victim), TimeOf(*victim));
    }
    ForgetGhosts();
    lists_.Remove(*victim);
    return victim;
  }

  void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t weight) override {
    QueuePolicy::Replace(old, now, weight);
    if (last_used_ == &old) last_used_ = &now;
  }
  std::size_t MemoryBytes() const override {
    return QueuePolicy::MemoryBytes() + ghosts_.MemoryBytes();
  }

 private:
  static constexpr unsigned kLir = 0;  // in order of use
  static constexpr unsigned kHir = 1;  // Q
  static constexpr std::uint64_t kLeastHir = 2;

  static std::uint32_t TimeOf(const PolicyNode& node) {
    return node.mark[0].load(std::memory_order_relaxed);
  }
  void SetTime(PolicyNode& node) const { node.mark[0].store(clock_, std::memory_order_relaxed); }

  // Whether something that was HIR when last used, at this time, was so after the oldest LIR entry.
  bool InStack(std::uint32_t last_use) const {
    const PolicyNode* bottom = lists_.Oldest(kLir);
    const std::uint32_t bottom_age = bottom == nullptr ? 0 : clock_ - TimeOf(*bottom);
    return clock_ - last_use < bottom_age;
  }

  std::uint64_t Weight() const { return lists_.weight(kLir) + lists_.weight(kHir); }

  std::uint64_t MostInLir() const {
    const std::uint64_t mean = lists_.size() == 0 ? 0 : Weight() / lists_.size();
    const std::uint64_t batch = exact_ ? 0 : EvictionBatch(lists_.size());
    const std::uint64_t least = (kLeastHir + batch) * mean;
    return capacity_ - std::min(capacity_, std::max(ShareOf(capacity_, hir_share_), least));
  }

  // An HIR entry was.
  void Used(PolicyNode& node, bool becomes_lir) {
    last_used_ = &node;
    ++clock_;
    SetTime(node);
    const std::uint64_t most = MostInLir();
    if (becomes_lir && WeightOf(node) <= most) {
      lists_.MoveTo(kLir, node);
      DemoteLir(most);
    } else {
      lists_.MoveTo(kHir, node);
    }
  }

  void DemoteLir(std::uint64_t most) {
    for (std::size_t step = 0; step < most_passed() && lists_.weight(kLir) > most; ++step) {
      lists_.MoveTo(kHir, *lists_.Oldest(kLir));
    }
  }

  // Ghosts are in order of their last uses, so those that are no longer in S come first.
  void ForgetGhosts() {
    const auto most =
        static_cast<std::uint64_t>(ghosts_per_entry_ * static_cast<double>(lists_.size()));
    ghosts_.ForgetOldest(most_passed(), [&](std::uint32_t last_use) {
      return ghosts_.size() > most || !InStack(last_use);
    });
  }

  const std::function<std::uint64_t(const PolicyNode&)> hash_;
  const bool exact_;
  const double hir_share_;
  const double ghosts_per_entry_;
  std::uint64_t capacity_ = 0;
  std::uint32_t clock_ = 0U - 1000;  // so that every test sees it overflow
  bool used_again_ = false;
  const PolicyNode* last_used_ = nullptr;  // may have left, is only compared
  GhostQueues ghosts_;                     // with their times in the place of weights
};

}  // namespace kvcache
