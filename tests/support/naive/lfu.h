#pragma once

#include <utility>

#include "support/naive/cache.h"

namespace kvcache::testing {

// Counts of resident objects only, a new object starts at 1, ties by least recent use.
class NaiveLfu final : public NaiveCache {
 public:
  using NaiveCache::NaiveCache;

 private:
  using CountAndLastUse = std::pair<std::uint64_t, std::uint64_t>;

  void Hit(std::uint64_t key) override { uses_[key] = {uses_[key].first + 1, now()}; }
  std::uint64_t Evict() override {
    const auto victim = std::ranges::min_element(
        uses_, [](const auto& a, const auto& b) { return a.second < b.second; });
    const std::uint64_t key = victim->first;
    uses_.erase(victim);
    return key;
  }
  void Insert(std::uint64_t key) override { uses_[key] = {1, now()}; }

  std::map<std::uint64_t, CountAndLastUse> uses_;
};

}  // namespace kvcache::testing
