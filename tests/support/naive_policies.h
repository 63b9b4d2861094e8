// Eviction policies as their definitions read, with nothing but ordered containers and full scans:
// slow, and plainly right. One a policy, next to the ways in which users write it.
//
// Definitions: lru: the least recently used object leaves. lfu: counts of resident objects only, a
// new object starts at 1, ties by least recent use. lru-k: the object whose K-th most recent
// reference is oldest leaves; those with fewer than K known references go first, by least recent
// use; references of evicted objects are kept for the last `history` x capacity evictions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace kvcache::testing {

// A cache of so many objects of size 1.
class NaiveCache {
 public:
  virtual ~NaiveCache() = default;
  virtual bool Request(std::uint64_t key) = 0;  // true: a hit
};

class NaiveLru final : public NaiveCache {
 public:
  explicit NaiveLru(std::size_t capacity) : capacity_(capacity) {}

  bool Request(std::uint64_t key) override {
    const auto found = std::find(recent_first_.begin(), recent_first_.end(), key);
    const bool hit = found != recent_first_.end();
    if (hit) recent_first_.erase(found);
    if (recent_first_.size() == capacity_) recent_first_.pop_back();
    recent_first_.push_front(key);
    return hit;
  }

 private:
  const std::size_t capacity_;
  std::list<std::uint64_t> recent_first_;
};

class NaiveLfu final : public NaiveCache {
 public:
  explicit NaiveLfu(std::size_t capacity) : capacity_(capacity) {}

  bool Request(std::uint64_t key) override {
    ++now_;
    const bool hit = resident_.contains(key);
    if (!hit && resident_.size() == capacity_) {
      resident_.erase(
          std::min_element(resident_.begin(), resident_.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
    auto& [count, last] = resident_[key];
    ++count;
    last = now_;
    return hit;
  }

 private:
  using CountAndLastUse = std::pair<std::uint64_t, std::uint64_t>;
  const std::size_t capacity_;
  std::uint64_t now_ = 0;
  std::map<std::uint64_t, CountAndLastUse> resident_;
};

class NaiveLruK final : public NaiveCache {
 public:
  NaiveLruK(std::size_t capacity, std::size_t k, double history)
      : capacity_(capacity), k_(k), kept_(history * static_cast<double>(capacity)) {}

  bool Request(std::uint64_t key) override {
    ++now_;
    const bool hit = resident_.contains(key);
    References references = hit ? resident_[key] : Remembered(key);
    if (!hit && resident_.size() == capacity_) EvictOne();
    references.insert(references.begin(), now_);
    if (references.size() > k_) references.pop_back();
    resident_[key] = references;
    return hit;
  }

 private:
  using References = std::vector<std::uint64_t>;  // times, latest first, at most K

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

  void EvictOne() {
    const auto victim = std::min_element(
        resident_.begin(), resident_.end(),
        [this](const auto& a, const auto& b) { return Rank(a.second) < Rank(b.second); });
    ++evictions_;
    evicted_[victim->first] = {victim->second, evictions_};
    resident_.erase(victim);
  }

  const std::size_t capacity_;
  const std::size_t k_;
  const double kept_;  // evictions remembered
  std::uint64_t now_ = 0;
  std::uint64_t evictions_ = 0;
  std::map<std::uint64_t, References> resident_;
  std::map<std::uint64_t, std::pair<References, std::uint64_t>> evicted_;  // and which eviction
};

struct NaivePolicy {
  std::string spec;  // as users write it
  std::function<std::unique_ptr<NaiveCache>(std::size_t capacity)> make;
};

inline std::vector<NaivePolicy> NaivePolicies() {
  const auto lru_k = [](std::size_t k, double history) {
    return [=](std::size_t capacity) { return std::make_unique<NaiveLruK>(capacity, k, history); };
  };
  return {
      {"lru", [](std::size_t capacity) { return std::make_unique<NaiveLru>(capacity); }},
      {"lfu", [](std::size_t capacity) { return std::make_unique<NaiveLfu>(capacity); }},
      {"lru-k", lru_k(2, 1)},
      {"lru-k:k=1", lru_k(1, 1)},
      {"lru-k:k=2,history=0", lru_k(2, 0)},
      {"lru-k:k=2,history=1", lru_k(2, 1)},
      {"lru-k:k=2,history=1e9", lru_k(2, 1e9)},
      {"lru-k:k=3,history=0", lru_k(3, 0)},
      {"lru-k:k=3,history=1", lru_k(3, 1)},
      {"lru-k:k=3,history=1e9", lru_k(3, 1e9)},
  };
}

}  // namespace kvcache::testing
