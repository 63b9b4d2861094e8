// SplitRule on models of what each side would save.
#include "cache/split_rule.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>

namespace kvcache {
namespace {

constexpr std::uint64_t kBudget = std::uint64_t{64} << 20;

// Each event would have saved a microsecond. So much enters both sides that they fill at once.
SplitRule::Evidence Events(double count) {
  return {.saved = count * 1e3, .noise = count * 1e6, .one = 1e3, .entered_bytes = kBudget};
}

double Share(const SplitRule& rule) {
  return static_cast<double>(rule.tier()) / static_cast<double>(kBudget);
}

// Savings that fall as a side grows, as weight / share: balanced where the shares are as the
// weights. Returns how often the rule has moved.
int Run(SplitRule& rule, double tier_weight, double block_weight, int rounds,
        std::mt19937_64& random) {
  int moves = 0;
  for (int i = 0; i < rounds; ++i) {
    std::poisson_distribution<int> tier(tier_weight / Share(rule));
    std::poisson_distribution<int> blocks(block_weight / (1 - Share(rule)));
    rule.Add(SplitRule::kTier, Events(tier(random)));
    rule.Add(SplitRule::kBlocks, Events(blocks(random)));
    moves += rule.Decide() ? 1 : 0;
  }
  return moves;
}

TEST_CASE("without evidence nothing moves") {
  SplitRule rule(kBudget, kBudget / 2);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(rule.Decide());
  for (int i = 0; i < 5; ++i) {
    rule.Add(SplitRule::kTier, Events(1));
    CHECK_FALSE(rule.Decide());
  }
  CHECK(rule.tier() == kBudget / 2);
}

TEST_CASE("one side that alone would save gets all but the least") {
  for (const auto side : {SplitRule::kTier, SplitRule::kBlocks}) {
    SplitRule rule(kBudget, kBudget / 2);
    for (int i = 0; i < 100; ++i) {
      rule.Add(side, Events(20));
      rule.Decide();
      CHECK(rule.tier() >= SplitRule::Least(kBudget));
      CHECK(kBudget - rule.tier() >= SplitRule::Least(kBudget));
    }
    const std::uint64_t tier = side == SplitRule::kTier ? rule.tier() : kBudget - rule.tier();
    CHECK(kBudget - tier == SplitRule::Least(kBudget));
  }
}

TEST_CASE("it settles where both sides would save the same, and follows a change") {
  std::mt19937_64 random(7);
  SplitRule rule(kBudget, kBudget / 2);
  for (const double share : {0.9, 0.1, 0.5, 0.75, 0.25}) {
    Run(rule, share, 1 - share, 10'000, random);
    CHECK(std::abs(Share(rule) - share) < 0.05);
  }
}

TEST_CASE("balanced, it hardly moves") {
  std::mt19937_64 random(11);
  SplitRule rule(kBudget, kBudget / 2);
  Run(rule, 0.7, 0.3, 20'000, random);
  CHECK(Run(rule, 0.7, 0.3, 20'000, random) < 20);
  CHECK(std::abs(Share(rule) - 0.7) < 0.05);
}

TEST_CASE("after a move it waits until the side that grew could have filled") {
  SplitRule rule(kBudget, kBudget / 2);
  const auto add = [&](SplitRule::Side side, double events, double bytes) {
    rule.Add(side,
             {.saved = events * 1e3, .noise = events * 1e6, .one = 1e3, .entered_bytes = bytes});
    return rule.Decide();
  };
  CHECK(add(SplitRule::kTier, 100, 0));
  const std::uint64_t grown = rule.tier();
  const std::uint64_t half = kBudget / 2;
  CHECK(grown > half);
  const auto step = static_cast<double>(grown - half);
  // Blocks would save much, but the tier has only just grown.
  CHECK_FALSE(add(SplitRule::kBlocks, 1000, 0));
  CHECK_FALSE(add(SplitRule::kTier, 0, step / 2));
  CHECK_FALSE(add(SplitRule::kTier, 0, step));  // full: what came before does not count
  CHECK_FALSE(add(SplitRule::kBlocks, 1, 0));
  CHECK(rule.tier() == grown);
  CHECK(add(SplitRule::kBlocks, 100, 0));
  CHECK(rule.tier() < grown);
  // Nothing enters the side that grew: what enters the other one tells that time has passed.
  const std::uint64_t shrunk = rule.tier();
  CHECK_FALSE(add(SplitRule::kTier, 100, 4 * static_cast<double>(grown - shrunk)));
  CHECK(add(SplitRule::kTier, 100, 0));
}

}  // namespace
}  // namespace kvcache
