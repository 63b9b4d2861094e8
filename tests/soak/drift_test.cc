// What the soak calls flat and what steadily growing, on figures that are made up.
#include "soak/drift.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <functional>
#include <vector>

#include "harness.h"
#include "support/random_trace.h"

namespace kvcache::soak {
namespace {

constexpr std::size_t kRounds = 120;

// Figures around 1000 that this multiplies, `at` going from 0 to 1; each off by up to 1 %.
Drift DriftOver(const std::function<double(double at)>& factor) {
  testing::Random random(testing::Seed());
  std::vector<double> figures;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const double noise = 0.99 + 0.02 * testing::Below(random, 1001) / 1000;
    figures.push_back(1000 * noise * factor(static_cast<double>(round) / kRounds));
  }
  return DriftOf(figures, Middle::kMedian);
}

TEST_CASE("drift: what only scatters is flat") {
  const Drift drift = DriftOver([](double) { return 1.0; });
  CHECK(IsFlat(drift));
  CHECK(!GrowsSteadily(drift));
}

TEST_CASE("drift: what grows or falls by a twentieth, or rises and falls again, is not flat") {
  CHECK(!IsFlat(DriftOver([](double at) { return 1 + 0.05 * at; })));
  CHECK(!IsFlat(DriftOver([](double at) { return 1 - 0.05 * at; })));
  CHECK(!IsFlat(DriftOver([](double at) { return at > 0.35 && at < 0.65 ? 1.05 : 1.0; })));
}

TEST_CASE("drift: a fifth more bit by bit is steady growth, a load that came and goes is not") {
  CHECK(GrowsSteadily(DriftOver([](double at) { return 1 + 0.2 * at; })));
  const Drift load = DriftOver([](double at) { return at < 0.5 ? 1.0 : 1.3 - 0.2 * at; });
  CHECK(load.growth > 0.1);
  CHECK(!GrowsSteadily(load));
}

TEST_CASE(
    "drift: what goes between two sizes is flat by its mean, whichever is the more frequent") {
  std::vector<double> figures(kRounds, 118);
  for (std::size_t i = 0; i < kRounds; i += 2) figures[i] = 128;
  figures[0] = 118;            // one more of the small in the first third,
  figures[kRounds - 1] = 128;  // of the large in the last
  CHECK(DriftOf(figures, Middle::kMedian).growth > 0.08);
  CHECK(IsFlat(DriftOf(figures, Middle::kMean)));
}

TEST_CASE("drift: the fewest figures that are judged are split into sixths of two") {
  std::vector<double> figures;
  for (std::size_t i = 0; i < kFewestToJudge; ++i) {
    figures.push_back(100.0 + static_cast<double>(i));
  }
  const Drift drift = DriftOf(figures, Middle::kMedian);
  CHECK(drift.rising);
  CHECK(drift.growth == doctest::Approx(110.0 / 102 - 1));
}

}  // namespace
}  // namespace kvcache::soak
