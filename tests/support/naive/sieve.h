#pragma once

#include <set>
#include <vector>

#include "support/naive/cache.h"

namespace kvcache::testing {

// Algorithm 1 of the paper: from the hand towards newer objects, and from the newest to the oldest
// again, visited ones become unvisited; the first that is not visited leaves.
class NaiveSieve final : public NaiveCache {
 public:
  using NaiveCache::NaiveCache;

 private:
  void Hit(std::uint64_t key) override { visited_.insert(key); }
  std::uint64_t Evict() override {
    while (visited_.erase(oldest_first_[hand_]) != 0) hand_ = (hand_ + 1) % oldest_first_.size();
    const std::uint64_t key = oldest_first_[hand_];
    oldest_first_.erase(oldest_first_.begin() + static_cast<std::ptrdiff_t>(hand_));
    if (hand_ == oldest_first_.size()) hand_ = 0;
    return key;
  }
  void Insert(std::uint64_t key) override { oldest_first_.push_back(key); }

  std::vector<std::uint64_t> oldest_first_;
  std::size_t hand_ = 0;
  std::set<std::uint64_t> visited_;
};

}  // namespace kvcache::testing
