#include "bench_warm_up.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string_view>
#include <thread>

#include "bench_systems.h"
#include "progress.h"
#include "simulate/worker_threads.h"

namespace kvcache::kvtool {
namespace {

// All sides, which are asked for the same.
class WarmingSides {
 public:
  // `at_once`: so many of them run at a time.
  WarmingSides(std::vector<Side>& sides, std::string_view verb, std::uint64_t measured_round,
               std::size_t at_once, const GoOn& go_on)
      : sides_(sides),
        go_on_(go_on),
        at_once_(at_once),
        most_(std::max(measured_round, kLittle)),
        progress_(verb, "operations") {}

  void set_total(std::uint64_t operations) { progress_.set_total(operations); }

  // Each side runs so many operations, each of its threads as many, or fewer when they have asked
  // for so many pairs; what each did. Requests are prepared in memory, so that they come in rounds
  // that need no more of it than those that are measured.
  Outcome<std::vector<Round>> Run(std::uint64_t operations,
                                  std::uint64_t pairs = ~std::uint64_t{0}) {
    std::vector<Round> all(sides_.size());
    while (operations - all.front().operations >= sides_.front().threads() &&
           all.front().pairs < pairs) {
      const auto rounds = RunEach(std::min(most_, operations - all.front().operations));
      if (auto go_on = go_on_(); !go_on) return std::unexpected(go_on.error());
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (!rounds[i]) return std::unexpected(rounds[i].error());
        all[i].Add(*rounds[i]);
      }
      done_ += rounds.front()->operations;
      progress_.Update({.count = done_, .bytes = {}});
    }
    return all;
  }

 private:
  static constexpr std::uint64_t kLittle = 100'000;  // operations, not worth more rounds

  std::vector<Outcome<Round>> RunEach(std::uint64_t operations) {
    std::vector<Outcome<Round>> rounds(sides_.size());
    FirstException thrown;
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      thrown.Catch([&] {
        for (std::size_t i = next++; i < sides_.size(); i = next++) {
          rounds[i] = sides_[i].Run(operations);
        }
      });
    };
    {
      const auto threads = StartThreads(std::min(at_once_, sides_.size()), work);
      work();
    }
    thrown.Rethrow();
    return rounds;
  }

  std::vector<Side>& sides_;
  const GoOn& go_on_;
  const std::size_t at_once_;
  const std::uint64_t most_;
  Progress progress_;
  std::uint64_t done_ = 0;
};

// Whether a side goes on getting better. It has settled when in kCalmSteps steps, taken together,
// neither reads of the device nor misses of the tier became fewer by a hundredth, nor its share
// moved.
class Trend {
 public:
  void Look(const Round& step) {
    const double reads =
        static_cast<double>(step.device_reads) / static_cast<double>(step.operations);
    const double misses = 1 - step.tier.hit_ratio;
    const bool fewer = reads < reads_ * 0.99 || misses < misses_ * 0.99;
    const bool moved = std::abs(step.tier.share - share_) > kStill;
    calm_ = fewer || moved ? 0 : calm_ + 1;
    settled_ = settled_ || calm_ == kCalmSteps;
    if (fewer) {
      reads_ = std::min(reads_, reads);
      misses_ = std::min(misses_, misses);
    }
    if (moved) share_ = step.tier.share;
  }
  bool settled() const { return settled_; }

 private:
  static constexpr int kCalmSteps = 3;
  static constexpr double kStill = 0.03;

  double reads_ = INFINITY;   // of the device, an operation
  double misses_ = INFINITY;  // of the tier
  double share_ = INFINITY;   // the tier's, when it moved last
  int calm_ = 0;
  bool settled_ = false;
};

// In steps of so many pairs, and no more operations. Or until there have been so many steps: some
// workloads never come to rest.
Outcome<void> RunUntilSettled(WarmingSides& sides, std::uint64_t step, int most_steps) {
  std::vector<Trend> trends;
  for (int i = 0; i < most_steps; ++i) {
    const auto steps = sides.Run(step, step);
    if (!steps) return std::unexpected(steps.error());
    trends.resize(steps->size());
    for (std::size_t side = 0; side < trends.size(); ++side) trends[side].Look((*steps)[side]);
    if (std::ranges::all_of(trends, &Trend::settled)) return {};
  }
  return {};
}

// In steps of several times what the caches hold: a policy that counts has to see a key more than
// once, and those that it is to tell apart are asked for hardly once in such a time.
Outcome<void> Fill(std::vector<Side>& sides, const WarmUpOptions& options, const GoOn& go_on) {
  constexpr std::uint64_t kTimesTheBudget = 5;
  constexpr int kMostSteps = 20;
  WarmingSides filling(sides, "fill", options.round, std::thread::hardware_concurrency(), go_on);
  ReadThroughPageCache(true);
  auto full = RunUntilSettled(filling, std::max(options.round, kTimesTheBudget * options.budget),
                              kMostSteps);
  ReadThroughPageCache(false);
  return full;
}

Outcome<void> Settle(std::vector<Side>& sides, const WarmUpOptions& options, const GoOn& go_on) {
  if (options.then) {
    for (Side& side : sides) side.Follow(*options.then, options.records);
  }
  WarmingSides settling(sides, "settle", options.round, 1, go_on);
  constexpr int kMostSteps = 60;
  if (!options.settle) return RunUntilSettled(settling, options.round, kMostSteps);
  settling.set_total(*options.settle);
  if (auto run = settling.Run(*options.settle); !run) return std::unexpected(run.error());
  return {};
}

}  // namespace

Outcome<void> WarmUp(std::vector<Side>& sides, const WarmUpOptions& options, const GoOn& go_on) {
  auto full = Fill(sides, options, go_on);
  return full ? Settle(sides, options, go_on) : full;
}

}  // namespace kvcache::kvtool
