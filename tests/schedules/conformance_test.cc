// The real cache does what the model says, schedule by schedule, as finely as it can be stopped.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "schedules/lockstep.h"
#include "schedules/protocol_model.h"
#include "schedules/rules.h"
#include "support/sanitizers.h"

namespace kvcache::model {
namespace {

using Program = std::vector<std::vector<Op>>;  // the operations of each thread
using Schedule = std::vector<Segment>;

// Where schedules are played: the model and the cache, set up alike.
class Stage {
 public:
  explicit Stage(bool cache_absent, Rules rules = {})
      : model_({.cache_absent = cache_absent, .rules = rules}),
        options_{.capacity = std::uint64_t{1} << 20, .shards = 2, .cache_absent = cache_absent},
        lockstep_(model_, options_) {}

  const Model& model() const { return model_; }
  // How the two differed, once they did; nothing is played any more then.
  const std::string& difference() const { return difference_; }

  // Every schedule of a program in which the store does not fail; of those that differ only by the
  // order of neighbours that commute, one (sleep sets, Godefroid 1996).
  void PlayAll(const Program& program) {
    Segments segments(model_);
    for (const bool warm : {false, true}) {
      segments.Reset(warm);
      Schedule schedule;
      PlayFrom(segments, program, std::vector<std::size_t>(program.size()), {}, schedule, warm);
    }
  }

  // One in which it may.
  void PlayRandom(const Program& program, std::mt19937_64& random) {
    const bool warm = random() % 2 == 0;
    Segments segments(model_);
    segments.Reset(warm);
    std::vector<std::size_t> done(program.size());
    Schedule schedule;
    for (;;) {
      const auto next = Next(segments, program, done);
      if (next.empty()) return Play(schedule, warm);
      Segment segment = next[random() % next.size()];
      const auto outcomes = segments.Outcomes(segment.thread);
      if (random() % 4 == 0) segment.outcome = outcomes[random() % outcomes.size()];
      Go(segments, done, schedule, segment);
    }
  }

  std::size_t schedules() const { return schedules_; }
  std::size_t segments() const { return segments_; }

 private:
  static std::vector<Segment> Next(const Segments& segments, const Program& program,
                                   const std::vector<std::size_t>& done) {
    std::vector<Segment> next;
    for (std::uint8_t t = 0; t < program.size(); ++t) {
      const Thread& thread = segments.state().threads[t];
      if (!segments.CanGo(t) || (thread.idle() && done[t] == program[t].size())) continue;
      next.push_back({t, thread.idle() ? program[t][done[t]] : thread.op});
    }
    return next;
  }

  static void Go(Segments& segments, std::vector<std::size_t>& done, Schedule& schedule,
                 const Segment& segment) {
    if (segments.state().threads[segment.thread].idle()) ++done[segment.thread];
    Shown shown;
    segments.Go(segment, shown);
    schedule.push_back(segment);
  }

  // `asleep`: segments that need not be next: schedules that go on with them have been played, but
  // for the order of what commutes.
  void PlayFrom(const Segments& segments, const Program& program,
                const std::vector<std::size_t>& done, std::vector<Segment> asleep,
                Schedule& schedule, bool warm) {
    const auto next = Next(segments, program, done);
    if (next.empty()) return Play(schedule, warm);
    for (const Segment& segment : next) {
      if (std::ranges::find(asleep, segment) != asleep.end()) continue;
      std::vector<Segment> asleep_then;
      std::ranges::copy_if(asleep, std::back_inserter(asleep_then),
                           [&](const Segment& other) { return segments.Commute(other, segment); });
      Segments then = segments;
      std::vector<std::size_t> done_then = done;
      Go(then, done_then, schedule, segment);
      PlayFrom(then, program, done_then, std::move(asleep_then), schedule, warm);
      schedule.pop_back();
      asleep.push_back(segment);
    }
  }

  void Play(const Schedule& schedule, bool warm) {
    if (!difference_.empty()) return;
    ++schedules_;
    segments_ += schedule.size();
    const std::string difference = lockstep_.Play(schedule, warm);
    if (difference.empty()) return;
    difference_ = (warm ? "from a warm tier: " : "from a cold tier: ") + difference;
  }

  const Model model_;
  const Options options_;
  Lockstep lockstep_;
  std::size_t schedules_ = 0;
  std::size_t segments_ = 0;
  std::string difference_;
};

// Every program of so many threads with so many operations each; of those that differ only by which
// thread is which, one.
void ForEachProgram(const std::vector<Op>& ops, std::size_t threads, std::size_t operations,
                    const std::function<void(const Program&)>& use) {
  std::size_t sequences = 1;
  for (std::size_t i = 0; i < operations; ++i) sequences *= ops.size();
  Program program(threads, std::vector<Op>(operations));
  const std::function<void(std::size_t, std::size_t)> choose = [&](std::size_t t,
                                                                   std::size_t first) {
    if (t == threads) return use(program);
    for (std::size_t sequence = first; sequence < sequences; ++sequence) {
      std::size_t rest = sequence;
      for (Op& op : program[t]) {
        op = ops[rest % ops.size()];
        rest /= ops.size();
      }
      choose(t + 1, sequence);
    }
  };
  choose(0, 0);
}

Program RandomProgram(const std::vector<Op>& ops, std::size_t threads, std::size_t operations,
                      std::mt19937_64& random) {
  Program program(threads, std::vector<Op>(operations));
  for (auto& sequence : program) {
    for (Op& op : sequence) op = ops[random() % ops.size()];
  }
  return program;
}

void CheckAndReport(const Stage& stage, std::string_view what) {
  CHECK(stage.difference() == "");
  std::cout << what << ": " << stage.schedules() << " schedules, " << stage.segments()
            << " segments\n";
}

void PlayAll(bool cache_absent, std::size_t threads, std::size_t operations,
             std::string_view what) {
  Stage stage(cache_absent);
  ForEachProgram(stage.model().Ops(), threads, operations,
                 [&](const Program& program) { stage.PlayAll(program); });
  CheckAndReport(stage, what);
}

void PlaySome(std::size_t count, std::size_t threads, std::size_t operations,
              std::string_view what) {
  std::mt19937_64 random(testing::Seed());
  for (const bool cache_absent : {false, true}) {
    Stage stage(cache_absent);
    const std::vector<Op> ops = stage.model().Ops();
    for (std::size_t i = 0; i < count; ++i) {
      stage.PlayRandom(RandomProgram(ops, threads, operations, random), random);
    }
    CheckAndReport(stage, what);
  }
}

TEST_CASE("conformance: every schedule of two threads with one operation each") {
  for (const bool cache_absent : {false, true}) {
    PlayAll(cache_absent, 2, 1, "2 threads, 1 operation each");
  }
}

TEST_CASE("conformance: every schedule of three threads with one operation each" *
          doctest::skip(testing::kSanitized)) {
  PlayAll(false, 3, 1, "3 threads, 1 operation each");
}

TEST_CASE("conformance: schedules of three threads with two operations each, chosen at random") {
  PlaySome(testing::kSanitized ? 1'000 : 2'000, 3, 2, "3 threads, 2 operations each, at random");
}

// Without these the model does other than the cache only between two stops, or where a policy is
// switched, or waits for ever.
constexpr Rule kNotSeenBetweenStops[] = {
    Rule::kEndsAndInsertsAtOnce,  Rule::kLooksAgain,
    Rule::kRegistersWhereItLooks, Rule::kInvalidateAllMarksFirst,
    Rule::kSwitchForgetsNoWrites, Rule::kOwnLoadsBeforeOthers,
    Rule::kFailedLoadsAnswer,
};

TEST_CASE("conformance: a model without any one of the rules is not what the cache does") {
  constexpr std::size_t kEnough = 3'000;
  for (const RuleText& rule : kRules) {
    if (std::ranges::count(kNotSeenBetweenStops, rule.rule) > 0) continue;
    CAPTURE(rule.without);
    std::mt19937_64 random(testing::Seed());
    Stage stage(true, Rules().Without(rule.rule));
    const std::vector<Op> ops = stage.model().Ops();
    while (stage.difference().empty() && stage.schedules() < kEnough) {
      stage.PlayRandom(RandomProgram(ops, 3, 2, random), random);
    }
    CHECK(stage.difference() != "");
    std::cout << rule.without << ": not so after " << stage.schedules() << " schedules\n";
  }
}

// Long ones, which --no-skip runs.

TEST_CASE("conformance: every schedule of three threads where absences are cached" *
          doctest::skip()) {
  PlayAll(true, 3, 1, "3 threads, 1 operation each");
}

TEST_CASE("conformance: every schedule of two threads with two operations each" * doctest::skip()) {
  PlayAll(false, 2, 2, "2 threads, 2 operations each");
}

TEST_CASE("conformance: every schedule of two threads where absences are cached" *
          doctest::skip()) {
  PlayAll(true, 2, 2, "2 threads, 2 operations each");
}

TEST_CASE("conformance: many more schedules of three threads, chosen at random" * doctest::skip()) {
  PlaySome(200'000, 3, 2, "3 threads, 2 operations each, at random");
}

}  // namespace
}  // namespace kvcache::model
