// W-TinyLFU (Einziger, Friedman, Manes, TOS 2017, "TinyLFU: a highly efficient cache admission
// policy"; the adaptive window: Einziger, Eytan, Friedman, Manes, Middleware 2018, "Adaptive
// software cache management"). New entries enter a window, an LRU list. What is too much there is a
// candidate for the main part, a segmented LRU: if it was used more often of late than the main
// part's victim, says a sketch that counts all requests, it goes there and the victim leaves,
// otherwise it leaves itself. An entry hit on probation becomes protected; what is too much there
// goes back on probation.
//
// Parameters: window, its share of the capacity at first; protected, of the main part; sample, the
// requests an entry after which the sketch halves its counts; adaptive, 1: the window's share
// climbs towards more hits. After as many requests, of 128 entries at least, it moves by a step,
// the other way if the hit ratio fell by more than 0.001; steps begin at 0.0625 of the capacity,
// become smaller by a factor of 0.98, and begin anew when the hit ratio moved by 0.05. The authors'
// library, Caffeine, has the same (0.01, 0.8, 10, 1).
//
// Costs 16 bytes an entry and the sketch's 8 to 16; a hit adds to the sketch and moves an entry in
// a list.
//
// Departures: the sketch has no doorkeeper, TinyLFU's filter of keys seen once, and of the requests
// after which it halves its counts those do not count whose counters were all full, in both as in
// Caffeine. From Caffeine as well: the first step makes the window larger, a fall by less than
// 0.001 is none, the window may become all of the capacity, and when it is made larger it is filled
// by what comes. Of candidates that were used 6 times and lose, every 128th is admitted, instead of
// one in 128 at random, against keys chosen to collide. With nothing on probation the victim is the
// oldest protected entry. In the memory tier, where evictions come in batches before insertions,
// the window exceeds its share by a batch, and at most 128 entries are moved between lists at once.
#pragma once

#include <algorithm>
#include <cmath>

#include "policy/frequency_sketch.h"
#include "policy/queue_policy.h"

namespace kvcache {

// mark[0]: the sketch's name of the key.
class WTinyLfu final : public QueuePolicy {
 public:
  WTinyLfu(const PolicyContext& context, double window, double protected_share, bool adaptive,
           unsigned sample)
      : QueuePolicy(context),
        protected_share_(protected_share),
        adaptive_(adaptive),
        sample_(sample),
        window_share_(window),
        sketch_(sample) {}

  void SetCapacity(std::uint64_t weight) override {
    capacity_ = weight;
    Divide();
  }

  void Admit(PolicyNode& node, std::uint64_t hash, std::uint32_t weight) override {
    QueuePolicy::Admit(node, hash, weight);
    node.mark[0].store(FrequencySketch::KeyOf(hash), std::memory_order_relaxed);
    sketch_.Add(KeyOf(node));
    coming_ = weight;
  }

  void Insert(PolicyNode& node) override {
    const std::uint64_t weight = WeightOf(node);
    const std::uint64_t free = capacity_ - std::min(capacity_, Weight());
    owed_ = std::min(owed_, free);
    const std::uint64_t replaced = std::min(owed_, weight);
    owed_ -= replaced;
    coming_ = 0;
    lists_.Push(kWindow, node);
    sketch_.Fit(lists_.size());
    OverflowFreely(weight - replaced);
    Count(false);
  }

  void Touch(PolicyNode& node) override {
    if (!lists_.Has(node)) return;
    sketch_.Add(KeyOf(node));
    const bool in_main = lists_.ListOf(node) != kWindow;
    lists_.MoveTo(in_main ? kProtected : kWindow, node);
    if (in_main) Overflow(kProtected, most_protected_);
    Count(true);
  }

  void Erase(PolicyNode& node) override {
    QueuePolicy::Erase(node);
    sketch_.Fit(lists_.size());
  }

  PolicyNode* Evict() override {
    if (lists_.size() == 0) return nullptr;
    evicting_ = true;
    Resize();
    PolicyNode* victim = OldestOfMain();
    PolicyNode* candidate = lists_.Oldest(kWindow);
    if (victim == nullptr) {
      victim = candidate;
    } else if (candidate != nullptr && lists_.weight(kWindow) + coming_ > most_in_window_) {
      if (Admits(*candidate, *victim)) {
        lists_.MoveTo(kProbation, *candidate);
      } else {
        victim = candidate;
      }
    }
    owed_ += WeightOf(*victim);
    lists_.Remove(*victim);
    return victim;
  }

  std::size_t MemoryBytes() const override {
    return QueuePolicy::MemoryBytes() + sketch_.MemoryBytes();
  }

 private:
  static constexpr unsigned kWindow = 0;
  static constexpr unsigned kProbation = 1;
  static constexpr unsigned kProtected = 2;
  static constexpr unsigned kWarm = 6;
  static constexpr unsigned kWarmLosers = 128;
  static constexpr std::uint64_t kLeastSampled = 128;
  static constexpr double kStep = 0.0625;
  static constexpr double kStepDecay = 0.98;
  static constexpr double kRestart = 0.05;
  static constexpr double kFall = 0.001;

  static std::uint32_t KeyOf(const PolicyNode& node) {
    return node.mark[0].load(std::memory_order_relaxed);
  }
  std::uint64_t Weight() const {
    return lists_.weight(kWindow) + lists_.weight(kProbation) + lists_.weight(kProtected);
  }
  PolicyNode* OldestOfMain() const {
    PolicyNode* oldest = lists_.Oldest(kProbation);
    return oldest != nullptr ? oldest : lists_.Oldest(kProtected);
  }

  void Divide() {
    const std::uint64_t main = std::min(capacity_, ShareOf(capacity_, 1 - window_share_));
    most_in_window_ = capacity_ - main;
    most_protected_ = ShareOf(main, protected_share_);
  }

  bool Admits(const PolicyNode& candidate, const PolicyNode& victim) {
    const unsigned uses = sketch_.Estimate(KeyOf(candidate));
    if (uses > sketch_.Estimate(KeyOf(victim))) return true;
    return uses >= kWarm && ++warm_losers_ % kWarmLosers == 0;
  }

  // What is too much in a list goes on probation.
  void Overflow(unsigned list, std::uint64_t most) {
    for (std::size_t step = 0; step < most_passed() && lists_.weight(list) > most; ++step) {
      lists_.MoveTo(kProbation, *lists_.Oldest(list));
    }
  }

  // Into room that no eviction made, candidates go without a contest.
  void OverflowFreely(std::uint64_t room) {
    std::uint64_t moved = 0;
    for (std::size_t step = 0; step < most_passed() && moved < room; ++step) {
      if (lists_.weight(kWindow) <= most_in_window_) break;
      PolicyNode& oldest = *lists_.Oldest(kWindow);
      moved += WeightOf(oldest);
      lists_.MoveTo(kProbation, oldest);
    }
  }

  // After the division has changed. A window that has become larger is filled by what comes.
  void Resize() {
    if (!resizing_) return;
    Overflow(kWindow, most_in_window_);
    Overflow(kProtected, most_protected_);
    resizing_ =
        lists_.weight(kWindow) > most_in_window_ || lists_.weight(kProtected) > most_protected_;
  }

  // A request, from when on the cache is full.
  void Count(bool hit) {
    if (!adaptive_ || !evicting_) return;
    ++requests_;
    if (hit) ++hits_;
    if (requests_ >= sample_ * std::max<std::uint64_t>(lists_.size(), kLeastSampled)) Climb();
    Resize();
  }

  void Climb() {
    const double ratio = static_cast<double>(hits_) / static_cast<double>(requests_);
    const double change = ratio - last_ratio_;
    if (change < -kFall) step_ = -step_;
    window_share_ = std::clamp(window_share_ + step_, 0.0, 1.0);
    step_ = std::abs(change) >= kRestart ? std::copysign(kStep, step_) : kStepDecay * step_;
    last_ratio_ = ratio;
    requests_ = 0;
    hits_ = 0;
    resizing_ = true;
    Divide();
  }

  const double protected_share_;
  const bool adaptive_;
  const std::uint64_t sample_;
  double window_share_;
  std::uint64_t capacity_ = 0;
  std::uint64_t most_in_window_ = 0;
  std::uint64_t most_protected_ = 0;
  std::uint64_t coming_ = 0;  // weight of what has been admitted and not inserted yet
  std::uint64_t owed_ = 0;    // weight evicted that nothing has replaced yet
  unsigned warm_losers_ = 0;
  bool evicting_ = false;
  bool resizing_ = false;
  std::uint64_t requests_ = 0;
  std::uint64_t hits_ = 0;
  double last_ratio_ = 0;
  double step_ = kStep;
  FrequencySketch sketch_;
};

}  // namespace kvcache
