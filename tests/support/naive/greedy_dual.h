#pragma once

#include <utility>

#include "support/naive/cache.h"

namespace kvcache::testing {

// The least age + count * worth leaves and is the age from then on; ties by least recent use.
class NaiveGreedyDual final : public NaiveCache {
 public:
  NaiveGreedyDual(std::uint64_t capacity, bool by_size) : NaiveCache(capacity), by_size_(by_size) {}

 private:
  struct State {
    double count = 0;
    std::pair<double, std::uint64_t> priority_and_last_use;
  };

  void Refer(std::uint64_t key) {
    State& state = states_[key];
    ++state.count;
    const double worth = by_size_ ? 1.0 / static_cast<double>(SizeOf(key)) : 1.0;
    state.priority_and_last_use = {age_ + state.count * worth, now()};
  }
  void Hit(std::uint64_t key) override { Refer(key); }
  void Insert(std::uint64_t key) override { Refer(key); }
  std::uint64_t Evict() override {
    const auto victim = std::ranges::min_element(states_, [](const auto& a, const auto& b) {
      return a.second.priority_and_last_use < b.second.priority_and_last_use;
    });
    const std::uint64_t key = victim->first;
    age_ = victim->second.priority_and_last_use.first;
    states_.erase(victim);
    return key;
  }

  const bool by_size_;
  double age_ = 0;
  std::map<std::uint64_t, State> states_;
};

}  // namespace kvcache::testing
