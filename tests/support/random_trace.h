// Request sequences of the shapes that tell eviction policies apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace kvcache::testing {

using Random = std::mt19937_64;

// In [0, bound), the same everywhere for one seed.
inline std::uint32_t Below(Random& random, std::size_t bound) {
  return static_cast<std::uint32_t>(random() % bound);
}

// Ranks 0 .. n - 1, rank i with probability proportional to 1 / (i + 1)^exponent.
class Zipf {
 public:
  Zipf(std::size_t n, double exponent) : cumulative_(n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      sum += std::pow(static_cast<double>(i + 1), -exponent);
      cumulative_[i] = sum;
    }
  }
  std::uint32_t operator()(Random& random) const {
    const double at = static_cast<double>(random() >> 11) * 0x1p-53 * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, at);
    return static_cast<std::uint32_t>(found - cumulative_.begin());
  }

 private:
  std::vector<double> cumulative_;
};

// Phases of Zipf, uniform, looping and scanning requests for keys 0 .. keys - 1.
inline std::vector<std::uint32_t> RandomTrace(std::uint64_t seed, std::size_t length,
                                              std::size_t keys) {
  Random random(seed);
  const Zipf zipf(keys, 0.9);
  std::vector<std::uint32_t> trace;
  while (trace.size() < length) {
    const std::size_t phase = std::min<std::size_t>(length - trace.size(), 20 + Below(random, 300));
    const std::uint32_t first = Below(random, keys);
    const std::size_t span = 1 + Below(random, keys);
    const std::uint32_t shape = Below(random, 4);
    for (std::size_t i = 0; i < phase; ++i) {
      std::uint64_t key = zipf(random);
      if (shape == 1) key = Below(random, keys);
      if (shape == 2) key = first + i % span;  // a loop
      if (shape == 3) key = first + i;         // a scan
      trace.push_back(static_cast<std::uint32_t>(key % keys));
    }
  }
  return trace;
}

}  // namespace kvcache::testing
