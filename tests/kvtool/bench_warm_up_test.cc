// How long the sides of kvtool bench warm up, and on what.
#include "kvtool/bench_warm_up.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvcache::kvtool {

std::atomic<bool> through_page_cache = false;

// The systems here have no device.
std::uint64_t DeviceReads() { return 0; }
void ReadThroughPageCache(bool on) { through_page_cache = on; }

namespace {

constexpr std::uint64_t kRecords = 1000;
constexpr std::uint64_t kRound = 10;
constexpr std::uint64_t kBudget = 4;
constexpr std::uint64_t kFillStep = 5 * kBudget;
// A side that stays as it is: one step to begin with, and three that are no better.
constexpr std::uint64_t kCalmSteps = 4;

WarmUpOptions Plain() {
  WarmUpOptions options;
  options.round = kRound;
  options.budget = kBudget;
  options.records = kRecords;
  return options;
}

struct Gets {
  std::uint64_t fast = 0;  // through the page cache
  std::uint64_t slow = 0;
  std::uint64_t scans = 0;
};

// The tier's figures are a function of how many steps there have been.
class ScriptedSystem : public System {
 public:
  using Script = std::function<TierFigures(int step)>;
  ScriptedSystem(Script script, Gets& gets) : script_(std::move(script)), gets_(gets) {}

  Result<bool> Get(std::string_view, std::string&) override {
    ++(through_page_cache ? gets_.fast : gets_.slow);
    return true;
  }
  Result<void> MultiGet(std::span<const std::string_view>) override { return {}; }
  Result<void> Put(std::string_view, std::string_view) override { return {}; }
  Result<void> Scan(std::string_view, std::size_t) override {
    ++gets_.scans;
    return {};
  }
  MemoryFigures Memory() override { return {}; }
  TierFigures Tier() override { return script_(step_++); }

 private:
  const Script script_;
  Gets& gets_;
  int step_ = 0;
};

class FullSystem : public ScriptedSystem {
 public:
  explicit FullSystem(Gets& gets) : ScriptedSystem([](int) { return TierFigures{}; }, gets) {}
  Result<bool> Get(std::string_view, std::string&) override { throw std::bad_alloc(); }
};

TierFigures Constant(int) { return {.hit_ratio = 0.5, .share = 0.5}; }
// Misses four thousandths less each time, ten times over.
TierFigures Slow(int step) {
  return {.hit_ratio = 1 - 0.5 * std::pow(0.996, std::min(step, 9)), .share = 0.5};
}
TierFigures Restless(int step) { return {.hit_ratio = 0.5, .share = step % 2 == 0 ? 0.4 : 0.6}; }

Side MakeSide(std::unique_ptr<System> system) {
  return {"scripted", std::move(system), *FindWorkload("c"), kRecords, {}};
}
Side MakeSide(ScriptedSystem::Script script, Gets& gets) {
  return MakeSide(std::make_unique<ScriptedSystem>(std::move(script), gets));
}

Outcome<void> Always() { return {}; }

TEST_CASE("caches are filled until a side gets no better, then it settles with slow reads") {
  Gets gets;
  std::vector<Side> sides;
  sides.push_back(MakeSide(Constant, gets));
  REQUIRE(WarmUp(sides, Plain(), Always));
  CHECK(gets.fast == kCalmSteps * kFillStep);
  CHECK(gets.slow == kCalmSteps * kRound);
}

TEST_CASE("a side that gets better slowly is given time, and the others with it") {
  Gets quick;
  Gets slow;
  std::vector<Side> sides;
  sides.push_back(MakeSide(Constant, quick));
  sides.push_back(MakeSide(Slow, slow));
  REQUIRE(WarmUp(sides, Plain(), Always));
  // At the 1st, 4th, 7th and 10th step it is better by a hundredth than it was before.
  CHECK(slow.fast == 13 * kFillStep);
  CHECK(quick.fast == slow.fast);
  CHECK(quick.slow == slow.slow);
}

TEST_CASE("a side whose share never comes to rest does not go on for ever") {
  Gets gets;
  std::vector<Side> sides;
  sides.push_back(MakeSide(Restless, gets));
  REQUIRE(WarmUp(sides, Plain(), Always));
  CHECK(gets.fast == 20 * kFillStep);
  CHECK(gets.slow == 60 * kRound);
}

TEST_CASE("a scan counts as many gets") {
  Gets gets;
  std::vector<Side> sides;
  sides.push_back(MakeSide(Constant, gets));
  sides.front().Follow(*FindWorkload("e"), kRecords);
  WarmUpOptions options = Plain();
  options.budget = 100'000;
  REQUIRE(WarmUp(sides, options, Always));
  // A step is 500,000 pairs, for which 100,000 scans, the least, are more than enough.
  CHECK(gets.scans > kCalmSteps * 90'000);
  CHECK(gets.scans < kCalmSteps * 100'000);
}

TEST_CASE("so many operations of another workload when the caches are full") {
  Gets gets;
  std::vector<Side> sides;
  sides.push_back(MakeSide(Constant, gets));
  WarmUpOptions options = Plain();
  options.then = *FindWorkload("uniform");
  options.settle = 25;
  REQUIRE(WarmUp(sides, options, Always));
  CHECK(gets.slow == 25);
  const auto round = sides[0].Run(10);
  REQUIRE(round);
  CHECK(sides[0].Summarize({*round}).operations_before == 25);
}

TEST_CASE("it ends when it is not to go on") {
  Gets gets;
  std::vector<Side> sides;
  sides.push_back(MakeSide(Constant, gets));
  int asked = 0;
  const auto warm = WarmUp(sides, Plain(), [&asked]() -> Outcome<void> {
    if (++asked == 2) return Failed("enough");
    return {};
  });
  REQUIRE_FALSE(warm);
  CHECK(warm.error().message == "enough");
  CHECK(gets.fast == 2 * kFillStep);
  CHECK_FALSE(through_page_cache);
}

TEST_CASE("what a system throws reaches the caller") {
  Gets gets;
  std::vector<Side> sides;
  sides.push_back(MakeSide(Constant, gets));
  sides.push_back(MakeSide(std::make_unique<FullSystem>(gets)));
  CHECK_THROWS_AS((void)WarmUp(sides, Plain(), Always), std::bad_alloc);
}

}  // namespace
}  // namespace kvcache::kvtool
