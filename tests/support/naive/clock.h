#pragma once

#include <algorithm>

#include "support/naive/cache.h"

namespace kvcache::testing {

// The oldest object leaves if its counter is 0; otherwise that goes down by one, and the object to
// the end of the queue.
class NaiveClock final : public NaiveCache {
 public:
  NaiveClock(std::uint64_t capacity, std::uint64_t most) : NaiveCache(capacity), most_(most) {}

 private:
  void Hit(std::uint64_t key) override { counters_[key] = std::min(counters_[key] + 1, most_); }
  std::uint64_t Evict() override {
    for (;;) {
      const std::uint64_t key = TakeFront(queue_);
      if (counters_[key] == 0) return key;
      --counters_[key];
      queue_.push_back(key);
    }
  }
  void Insert(std::uint64_t key) override {
    queue_.push_back(key);
    counters_[key] = 0;
  }

  const std::uint64_t most_;
  std::list<std::uint64_t> queue_;
  std::map<std::uint64_t, std::uint64_t> counters_;
};

}  // namespace kvcache::testing
