#include "drift.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <vector>

namespace kvcache::soak {
namespace {

double MiddleOf(std::span<const double> figures, Middle middle) {
  if (middle == Middle::kMean) {
    return std::accumulate(figures.begin(), figures.end(), 0.0) /
           static_cast<double>(figures.size());
  }
  std::vector<double> sorted(figures.begin(), figures.end());
  std::ranges::sort(sorted);
  return sorted[sorted.size() / 2];
}

// Of so many parts of about equal length.
template <std::size_t Parts>
std::array<double, Parts> Middles(std::span<const double> figures, Middle middle) {
  std::array<double, Parts> middles{};
  for (std::size_t part = 0; part < Parts; ++part) {
    const std::size_t begin = figures.size() * part / Parts;
    const std::size_t end = figures.size() * (part + 1) / Parts;
    middles[part] = MiddleOf(figures.subspan(begin, end - begin), middle);
  }
  return middles;
}

}  // namespace

Drift DriftOf(std::span<const double> figures, Middle middle) {
  const auto thirds = Middles<3>(figures, middle);
  const auto sixths = Middles<6>(figures, middle);
  const auto [least, most] = std::ranges::minmax(thirds);
  return {.growth = thirds.back() / thirds.front() - 1,
          .spread = most / least - 1,
          .rising = std::ranges::adjacent_find(sixths, std::greater_equal{}) == sixths.end()};
}

bool IsFlat(const Drift& drift) { return drift.spread <= 0.02; }

bool GrowsSteadily(const Drift& drift) { return drift.rising && drift.growth > 0.1; }

}  // namespace kvcache::soak
