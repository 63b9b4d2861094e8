#include "support/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <utility>

namespace bench {
namespace {

// SplitMix64's finalizer (Steele et al. 2014): a permutation of 64-bit numbers.
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

}  // namespace

std::string KeyOf(std::uint64_t i) { return fmt::format("{:016x}", Mix(i + 1)); }

std::string ValueOf(std::uint64_t i, std::size_t bytes) {
  std::string value;
  value.reserve(bytes + 16);
  for (std::uint64_t word = Mix(i); value.size() < bytes; word = Mix(word)) {
    fmt::format_to(std::back_inserter(value), "{:016x}", word);
  }
  value.resize(bytes);
  return value;
}

std::vector<std::uint32_t> Shuffled(std::size_t n) {
  std::vector<std::uint32_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::ranges::shuffle(numbers, std::mt19937_64(1));
  return numbers;
}

std::vector<std::uint32_t> Draw(Distribution distribution, std::size_t n, std::size_t count) {
  std::mt19937_64 random(2);
  std::vector<std::uint32_t> drawn(count);
  if (distribution == Distribution::kUniform) {
    std::uniform_int_distribution<std::uint32_t> number(0, static_cast<std::uint32_t>(n - 1));
    std::ranges::generate(drawn, [&] { return number(random); });
    return drawn;
  }
  std::vector<double> cumulative(n);
  double sum = 0;
  for (std::size_t rank = 0; rank < n; ++rank) {
    sum += std::pow(static_cast<double>(rank + 1), -0.99);
    cumulative[rank] = sum;
  }
  std::vector<std::uint32_t> numbers = Shuffled(n);
  std::uniform_real_distribution<double> point(0, sum);
  std::ranges::generate(drawn, [&] {
    const auto rank = std::ranges::upper_bound(cumulative, point(random)) - cumulative.begin();
    return numbers[std::min(static_cast<std::size_t>(rank), n - 1)];
  });
  return drawn;
}

Requests::Requests(Distribution distribution, std::size_t n, std::size_t count) : mask_(count - 1) {
  keys_.reserve(count * kKeyBytes);
  for (const std::uint32_t i : Draw(distribution, n, count)) keys_ += KeyOf(i);
}

const Requests& SharedRequests(Distribution distribution, std::size_t n) {
  static std::map<std::pair<Distribution, std::size_t>, Requests> made;
  const std::pair key(distribution, n);
  auto found = made.find(key);
  if (found == made.end()) found = made.emplace(key, Requests(distribution, n)).first;
  return found->second;
}

}  // namespace bench
