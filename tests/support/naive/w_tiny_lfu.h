#pragma once

#include <algorithm>
#include <cmath>

#include "policy/frequency_sketch.h"
#include "support/naive/cache.h"
#include "support/policy_driver.h"

namespace kvcache::testing {

// The window, probation and protected lists of the paper, with sizes, and Caffeine's hill climber.
// The sketch is the policy's own.
class NaiveWTinyLfu final : public NaiveCache {
 public:
  NaiveWTinyLfu(std::uint64_t capacity, double window, double protected_share, bool adaptive,
                unsigned sample)
      : NaiveCache(capacity),
        protected_share_(protected_share),
        adaptive_(adaptive),
        sample_(sample),
        window_share_(window),
        sketch_(sample) {}

 private:
  static std::uint32_t Name(std::uint64_t key) { return FrequencySketch::KeyOf(HashOfKey(key)); }

  std::uint64_t MainSize() const {
    return static_cast<std::uint64_t>((1 - window_share_) * static_cast<double>(capacity()));
  }
  std::uint64_t WindowSize() const { return capacity() - MainSize(); }
  std::uint64_t ProtectedSize() const {
    return static_cast<std::uint64_t>(protected_share_ * static_cast<double>(MainSize()));
  }

  void Hit(std::uint64_t key) override {
    sketch_.Add(Name(key));
    if (Contains(window_, key)) {
      window_.remove(key);
      window_.push_back(key);
    } else {
      probation_.remove(key);
      protected_.remove(key);
      protected_.push_back(key);
      PutOnProbation(protected_, ProtectedSize());
    }
    ++hits_;
    Climb();
  }
  void Miss(std::uint64_t key, std::uint64_t size) override {
    sketch_.Add(Name(key));
    coming_ = size;
  }
  std::uint64_t Evict() override {
    if (!full_) requests_ = hits_ = 0;
    full_ = true;
    const std::uint64_t victim = TakeVictim();
    evicted_ += SizeOf(victim);
    return victim;
  }
  std::uint64_t TakeVictim() {
    std::list<std::uint64_t>& main = probation_.empty() ? protected_ : probation_;
    if (main.empty()) return TakeFront(window_);
    if (window_.empty() || SizeOf(window_) + coming_ <= WindowSize()) return TakeFront(main);
    if (!Admit(window_.front(), main.front())) return TakeFront(window_);
    const std::uint64_t victim = TakeFront(main);
    probation_.push_back(TakeFront(window_));
    return victim;
  }
  bool Admit(std::uint64_t candidate, std::uint64_t victim) {
    const unsigned frequency = sketch_.Estimate(Name(candidate));
    if (frequency > sketch_.Estimate(Name(victim))) return true;
    return frequency >= 6 && ++warm_losers_ % 128 == 0;
  }
  void Insert(std::uint64_t key) override {
    window_.push_back(key);
    sketch_.Fit(objects());
    // Into room that no eviction made, the window overflows without a contest.
    const std::uint64_t replaced = std::min(evicted_, SizeOf(key));
    evicted_ -= replaced;
    std::uint64_t moved = 0;
    while (moved < SizeOf(key) - replaced && SizeOf(window_) > WindowSize()) {
      moved += SizeOf(window_.front());
      probation_.push_back(TakeFront(window_));
    }
    Climb();
  }

  void PutOnProbation(std::list<std::uint64_t>& list, std::uint64_t most) {
    while (SizeOf(list) > most) probation_.push_back(TakeFront(list));
  }

  void Climb() {
    ++requests_;
    if (!adaptive_ || !full_ || requests_ < sample_ * std::max<std::uint64_t>(objects(), 128))
      return;
    const double ratio = static_cast<double>(hits_) / static_cast<double>(requests_);
    if (ratio - last_ratio_ < -0.001) step_ = -step_;
    window_share_ = std::clamp(window_share_ + step_, 0.0, 1.0);
    step_ *= 0.98;
    if (std::abs(ratio - last_ratio_) >= 0.05) step_ = step_ < 0 ? -0.0625 : 0.0625;
    last_ratio_ = ratio;
    requests_ = hits_ = 0;
    PutOnProbation(window_, WindowSize());
    PutOnProbation(protected_, ProtectedSize());
  }

  const double protected_share_;
  const bool adaptive_;
  const std::uint64_t sample_;
  double window_share_;
  std::list<std::uint64_t> window_, probation_, protected_;  // oldest first
  std::uint64_t coming_ = 0;
  std::uint64_t evicted_ = 0;  // the size of what left and has not been replaced
  unsigned warm_losers_ = 0;
  bool full_ = false;
  std::uint64_t requests_ = 0;
  std::uint64_t hits_ = 0;
  double last_ratio_ = 0;
  double step_ = 0.0625;
  FrequencySketch sketch_;
};

}  // namespace kvcache::testing
