// Policies of the form 'the node of least rank leaves', where a node's rank only grows while it is
// resident. A hit stores into its own node and nothing else; the order is repaired when a victim is
// wanted: take the least recorded rank, and if its node has moved on since, put it back under its
// present rank. With one thread and no bound on repairs that is exact.
//
// After many hits and no eviction one victim could cost a pass over all nodes, so in the memory
// tier an eviction makes at most kRepairs repairs and then the least found so far leaves; hits make
// up for it by calling Repair() now and then.
//
// The clock. Exact mode: one tick a request, so that Touch needs the lock. Tier mode: a tick is as
// many insertions as a 1,024th of the resident nodes (at least one), or 64 times as many hits as
// far as Repair() tells of them, so that hits read a line that is seldom written; a mark that would
// change nothing at that resolution is not written, so that the line of a hot key is not fought
// over.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kvcache/policy.h"
#include "policy/lazy_heap.h"

namespace kvcache {

// Where Touch writes: the node's marks, or, if that would change nothing, where nobody looks. Not a
// branch: no processor can predict which nodes were marked in this tick already, and it learns only
// when the cache miss on the node is over, so a wrong guess costs the start of the next lookup.
class MarkTarget {
 public:
  MarkTarget(PolicyNode& node, bool changes)
      : marks_(Choose(reinterpret_cast<std::uintptr_t>(node.mark),
                      reinterpret_cast<std::uintptr_t>(nowhere_), changes)) {}
  MarkTarget(const MarkTarget&) = delete;
  MarkTarget& operator=(const MarkTarget&) = delete;

  std::atomic<std::uint32_t>* marks() { return marks_; }

 private:
  static std::atomic<std::uint32_t>* Choose(std::uintptr_t node, std::uintptr_t nowhere,
                                            bool changes) {
    const std::uintptr_t mask = -std::uintptr_t{changes};
    return reinterpret_cast<std::atomic<std::uint32_t>*>((node & mask) | (nowhere & ~mask));
  }

  std::atomic<std::uint32_t> nowhere_[2];
  std::atomic<std::uint32_t>* marks_;
};

// Derived provides, besides Admit:
//   void Mark(PolicyNode&, uint32_t now);    // a hit, without a lock
//   uint64_t Rank(const PolicyNode&) const;  // from the marks, whatever they hold
//   uint64_t RebaseRank(uint64_t rank) const; void RebaseMarks(PolicyNode&);  // see Rebase
// and may hide OnEvict(PolicyNode&), OnErase(PolicyNode&) and OnRebase().
template <class Derived>
class RankedPolicy : public Policy {
 public:
  // In exact mode each request has a time of its own.
  void Touch(PolicyNode& node) final {
    if (exact_) [[unlikely]] {
      return TouchInExactMode(node);
    }
    self().Mark(node, Now());
  }

  void Insert(PolicyNode& node) override { heap_.Push(node, self().Rank(node)); }

  void Erase(PolicyNode& node) override {
    heap_.Remove(node);
    self().OnErase(node);
  }

  PolicyNode* Evict() override {
    if (heap_.empty()) return nullptr;
    PolicyNode* victim = FindVictim();
    self().OnEvict(*victim);
    heap_.Remove(*victim);
    if (!heap_.empty()) __builtin_prefetch(heap_.top().node);  // likely the next victim
    return victim;
  }

  std::size_t Settle(std::size_t from, std::size_t slice) override {
    const std::size_t end = std::min(from + slice, heap_.size());
    for (std::size_t i = from; i < end;) {  // a node that sinks leaves another one here: look again
      const auto [recorded, node] = heap_[i];
      const std::uint64_t rank = self().Rank(*node);
      if (rank == recorded) {
        ++i;
      } else {
        heap_.ChangeRank(*node, rank);
      }
    }
    return end < heap_.size() ? end : 0;
  }

  PolicyNode* Drain() override {
    if (heap_.empty()) return nullptr;
    PolicyNode* coldest = heap_.top().node;
    heap_.Remove(*coldest);
    self().OnErase(*coldest);
    return coldest;
  }

  void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t) override {
    heap_.Replace(old, now);
  }

  void Repair(std::uint32_t hits) override {
    if (heap_.empty()) return;
    Advance(hits);
    const auto [recorded, node] = heap_.top();
    const std::uint64_t rank = self().Rank(*node);
    if (rank != recorded) heap_.ChangeRank(*node, rank);
  }

  std::size_t size() const override { return heap_.size(); }
  std::size_t MemoryBytes() const override { return heap_.MemoryBytes(); }

 protected:
  static constexpr int kRepairs = 128;
  static constexpr std::size_t kTicksPerTurnover = 1024;
  static constexpr std::size_t kHitsPerInsertion = 64;
  // Ages beyond this many ticks are cut off when the clock is set back.
  static constexpr std::uint32_t kRebase = std::uint32_t{1} << 31;

  void OnEvict(PolicyNode& node) { self().OnErase(node); }
  void OnErase(PolicyNode&) {}
  void OnRebase() {}

  // The present time, from 1 on; 0 stands for 'never'.
  std::uint32_t Now() const { return now_.load(std::memory_order_relaxed); }

  std::uint32_t AdmissionTime() {
    if (exact_) {
      Tick();
    } else {
      Advance(kHitsPerInsertion);
    }
    return Now();
  }

 private:
  friend Derived;
  explicit RankedPolicy(bool exact) : exact_(exact) {}

  Derived& self() { return static_cast<Derived&>(*this); }

  // A function of its own, so that a hit in the tier saves no registers.
  [[gnu::noinline]] void TouchInExactMode(PolicyNode& node) {
    Tick();
    self().Mark(node, Now());
  }

  PolicyNode* FindVictim() {
    PolicyNode* least = nullptr;
    std::uint64_t least_rank = 0;
    for (int repairs = 0; exact_ || repairs < kRepairs; ++repairs) {
      const auto [recorded, node] = heap_.top();
      const std::uint64_t rank = self().Rank(*node);
      if (rank == recorded) return node;
      heap_.ChangeRank(*node, rank);
      if (least == nullptr || rank < least_rank) {
        least_rank = rank;
        least = node;
      }
    }
    return least;
  }

  void Advance(std::size_t hits) {
    in_tick_ += hits;
    if (in_tick_ * kTicksPerTurnover < heap_.size() * kHitsPerInsertion) return;
    in_tick_ = 0;
    Tick();
  }

  void Tick() {
    if (Now() == std::numeric_limits<std::uint32_t>::max()) Rebase();
    now_.store(Now() + 1, std::memory_order_relaxed);
  }

  // Sets the clock and all marks back by kRebase, once in 2^31 ticks.
  void Rebase() {
    for (std::size_t i = 0; i < heap_.size(); ++i) self().RebaseMarks(*heap_[i].node);
    heap_.MapRanks([this](std::uint64_t rank) { return self().RebaseRank(rank); });
    self().OnRebase();
    now_.store(Now() - kRebase, std::memory_order_relaxed);
  }

 protected:
  static std::uint32_t RebaseTime(std::uint32_t time) {
    return time == 0 ? 0 : std::max(time, kRebase + 1) - kRebase;
  }
  static void RebaseMark(std::atomic<std::uint32_t>& mark) {
    mark.store(RebaseTime(mark.load(std::memory_order_relaxed)), std::memory_order_relaxed);
  }
  void SetClockForTest(std::uint32_t now) { now_.store(now, std::memory_order_relaxed); }

 private:
  const bool exact_;
  // Off the line that hits read for the call of Touch.
  alignas(64) LazyHeap<> heap_;
  std::size_t in_tick_ = 0;  // hits, and insertions at their worth in hits
  // On a line of its own: hits read it.
  alignas(64) std::atomic<std::uint32_t> now_{1};
};

}  // namespace kvcache
