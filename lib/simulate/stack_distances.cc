#include "simulate/stack_distances.h"

#include <algorithm>
#include <utility>

namespace kvcache {

void StackDistances::Request(std::uint64_t hash, std::uint64_t bytes) {
  requests_.Add({1, bytes});
  if (now_ + 1 == counts_.size()) Renumber();
  ++now_;
  const auto [key, is_new] = keys_.Number(hash);
  if (is_new) {
    last_.push_back(now_);
  } else {
    const std::uint32_t last = std::exchange(last_[key], now_);
    // Keys asked for since, and this one itself.
    const std::size_t distance = keys_.size() - CountUpTo(last) + 1;
    if (at_distance_.size() < distance) at_distance_.resize(distance + distance / 4);
    at_distance_[distance - 1].Add({1, bytes});
    Add(last, -1);
  }
  Add(now_, 1);
}

SimulatedCounts StackDistances::CountsAt(std::uint64_t size) const {
  Requests hits;
  const std::size_t end = std::min<std::uint64_t>(size, at_distance_.size());
  for (std::size_t i = 0; i < end; ++i) hits.Add(at_distance_[i]);
  return {.requests = requests_.count,
          .misses = requests_.count - hits.count,
          .bytes = requests_.bytes,
          .missed_bytes = requests_.bytes - hits.bytes};
}

void StackDistances::Add(std::size_t time, std::int32_t change) {
  for (; time < counts_.size(); time += time & -time) {
    counts_[time] += static_cast<std::uint32_t>(change);
  }
}

std::uint32_t StackDistances::CountUpTo(std::size_t time) const {
  std::uint32_t count = 0;
  for (; time > 0; time -= time & -time) count += counts_[time];
  return count;
}

// Times are 1, 2, 3 ... again, in the same order, with as many free ones as there are keys.
void StackDistances::Renumber() {
  std::vector<std::uint32_t> key_at(now_ + 1, ~std::uint32_t{0});
  for (std::uint32_t key = 0; key < last_.size(); ++key) key_at[last_[key]] = key;
  counts_ = {};
  counts_.resize(std::max(kLeastTimes, 2 * last_.size()) + 1);
  now_ = 0;
  for (const std::uint32_t key : key_at) {
    if (key == ~std::uint32_t{0}) continue;
    last_[key] = ++now_;
    Add(now_, 1);
  }
}

}  // namespace kvcache
