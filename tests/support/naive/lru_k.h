#pragma once

#include <tuple>
#include <utility>
#include <vector>

#include "support/naive/cache.h"

namespace kvcache::testing {

// The object whose K-th most recent reference is oldest leaves; those with fewer than K known
// references go first, by least recent use; references of evicted objects are kept for the last
// `history` x capacity evictions. For objects of size 1.
class NaiveLruK final : public NaiveCache {
 public:
  NaiveLruK(std::uint64_t capacity, std::size_t k, double history)
      : NaiveCache(capacity), k_(k), kept_(history * static_cast<double>(capacity)) {}

 private:
  using References = std::vector<std::uint64_t>;  // times, latest first, at most K

  void Hit(std::uint64_t key) override { resident_[key] = WithNow(resident_[key]); }
  void Miss(std::uint64_t key, std::uint64_t) override { missed_ = WithNow(Remembered(key)); }
  void Insert(std::uint64_t key) override { resident_[key] = missed_; }

  References WithNow(References references) const {
    references.insert(references.begin(), now());
    if (references.size() > k_) references.pop_back();
    return references;
  }

  References Remembered(std::uint64_t key) const {
    const auto found = evicted_.find(key);
    if (found == evicted_.end()) return {};
    const auto& [references, eviction] = found->second;
    return static_cast<double>(evictions_ - eviction) < kept_ ? references : References{};
  }

  // Smallest leaves first.
  std::tuple<bool, std::uint64_t> Rank(const References& references) const {
    const bool all_known = references.size() == k_;
    return {all_known, all_known ? references.back() : references.front()};
  }

  std::uint64_t Evict() override {
    const auto victim = std::ranges::min_element(resident_, [this](const auto& a, const auto& b) {
      return Rank(a.second) < Rank(b.second);
    });
    const std::uint64_t key = victim->first;
    ++evictions_;
    evicted_[key] = {victim->second, evictions_};
    resident_.erase(victim);
    return key;
  }

  const std::size_t k_;
  const double kept_;  // evictions remembered
  std::uint64_t evictions_ = 0;
  References missed_;  // of the key that is about to be inserted
  std::map<std::uint64_t, References> resident_;
  std::map<std::uint64_t, std::pair<References, std::uint64_t>> evicted_;  // and which eviction
};

}  // namespace kvcache::testing
