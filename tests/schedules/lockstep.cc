#include "schedules/lockstep.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <span>
#include <thread>
#include <utility>

#include "support/text.h"
#include "support/watchdog.h"

namespace kvcache::model {
namespace {

bool IsEffect(Phase phase) {
  return phase == Phase::kRead || phase == Phase::kCommit || phase == Phase::kCommitOutside;
}

}  // namespace

std::string ToText(const Segment& segment) {
  std::string text = "T" + std::to_string(segment.thread + 1) + "  " + ToText(segment.op);
  if (segment.outcome == Outcome::kFails) text += ": the store fails";
  if (segment.outcome == Outcome::kFailsAfterEffect) text += ": an error, after taking effect";
  return text;
}

// The model's side.

void Segments::Reset(bool warm) {
  state_ = {};
  for (std::size_t k = 0; k < kMostKeys && warm; ++k) state_.keys[k].entry = 0;
}

bool Segments::CanGo(std::uint8_t thread) const {
  return state_.threads[thread].idle() || state_.threads[thread].pending != 0;
}

std::vector<Outcome> Segments::Outcomes(std::uint8_t thread) const {
  const Thread& standing = state_.threads[thread];
  if (standing.idle() || !IsEffect(standing.phase)) return {Outcome::kOk};
  if (standing.phase == Phase::kRead) return {Outcome::kOk, Outcome::kFails};
  return {Outcome::kOk, Outcome::kFails, Outcome::kFailsAfterEffect};
}

// Of an operation's keys the first goes first, as in the code.
void Segments::Go(const Segment& segment, Shown& shown) {
  const Thread& thread = state_.threads[segment.thread];
  std::vector<Step> steps;
  do {
    steps.clear();
    model_->AddSteps(state_, {segment.op}, steps);
    const auto step = std::ranges::find_if(steps, [&](const Step& candidate) {
      const Outcome wanted = IsEffect(candidate.phase) ? segment.outcome : Outcome::kOk;
      return candidate.thread == segment.thread && candidate.outcome == wanted;
    });
    model_->Take(state_, *step, shown);
    if (IsEffect(step->phase)) return;
  } while (thread.pending != 0 && !IsEffect(thread.phase));
}

bool Segments::Commute(const Segment& a, const Segment& b) const {
  Segments a_first = *this;
  Segments b_first = *this;
  Shown shown_a_first;
  Shown shown_b_first;
  a_first.Go(a, shown_a_first);
  b_first.Go(b, shown_b_first);
  if (!a_first.CanGo(b.thread) || !b_first.CanGo(a.thread)) return false;
  a_first.Go(b, shown_a_first);
  b_first.Go(a, shown_b_first);
  std::ranges::sort(shown_a_first.answers);
  std::ranges::sort(shown_b_first.answers);
  return a_first.state_ == b_first.state_ && shown_a_first == shown_b_first;
}

int Segments::Place(std::uint8_t thread) const {
  const Thread& standing = state_.threads[thread];
  if (standing.idle()) return Actor::kIdle;
  if (standing.pending == 0) return Actor::kRunning;
  if (standing.phase == Phase::kRead) return std::popcount(standing.pending);
  return standing.phase == Phase::kCommit ? 1 : 0;
}

// Both.

Lockstep::Lockstep(const Model& model, const Options& options)
    : model_(model), cache_(options), segments_(model) {}

std::string Lockstep::Play(const std::vector<Segment>& schedule, bool warm) {
  cache_.Reset(warm);
  segments_.Reset(warm);
  before_ = cache_.stats();
  shown_ = {};
  for (auto& texts : texts_) texts = {{0, std::string(SteppedCache::kFirstValue)}};
  difference_.clear();
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    Go(schedule[i]);
    if (difference_.empty()) continue;
    for (std::uint8_t t = 0; t < kMostThreads; ++t) cache_.actor(t).Release();
    const auto played = std::span(schedule).first(i + 1);
    for (const Segment& each : played) difference_ += "\n  " + ToText(each);
    return difference_;
  }
  return {};
}

void Lockstep::Go(const Segment& segment) {
  const std::uint8_t t = segment.thread;
  const State before = segments_.state();
  segments_.Go(segment, shown_);
  if (before.threads[t].idle()) {
    under_way_[t] = true;
    values_[t] = "value " + std::to_string(++operations_);
    answers_[t].clear();
    cache_.Begin(t, segment.op, values_[t]);
  } else {
    cache_.actor(t).Go(segment.outcome);
  }
  NoteCommit(segment, before);
  Compare();
}

// The segment may have been a commit: what the versions are that it made, and what it returns.
void Lockstep::NoteCommit(const Segment& segment, const State& before) {
  const std::uint8_t t = segment.thread;
  for (std::size_t k = 0; k < kMostKeys; ++k) {
    const Version version = segments_.state().keys[k].store;
    if (version == before.keys[k].store) continue;
    texts_[k][version] = IsAbsent(version) ? std::string(testing::kAbsent) : values_[t];
  }
  if (before.threads[t].phase != Phase::kCommit) return;
  answers_[t][0] = segment.outcome == Outcome::kOk ? "ok" : "error";
}

void Lockstep::Compare() {
  for (const Answer& answer : std::exchange(shown_.answers, {})) {
    std::string text = TextOf(answer.key, answer.version);
    if (answer.version != kFailed && !IsAbsent(answer.version)) {
      text += answer.hit ? ", hit" : ", read";
    }
    answers_[answer.thread][answer.key] = std::move(text);
  }
  ComparePlaces();
  if (!difference_.empty()) return;
  CompareAnswers();
  CompareCounters();
  if (!difference_.empty()) return;
  CompareTier();
}

void Lockstep::ComparePlaces() {
  for (std::uint8_t t = 0; t < kMostThreads; ++t) {
    if (segments_.Place(t) != Actor::kRunning) ComparePlace(t, cache_.actor(t).AwaitPlace());
  }
  // One that has to wait has counted itself before, and does nothing after that.
  for (std::uint8_t t = 0; t < kMostThreads; ++t) {
    if (segments_.Place(t) != Actor::kRunning) continue;
    const auto deadline = std::chrono::steady_clock::now() + testing::kPatience;
    while (cache_.actor(t).place() == Actor::kRunning && !CountersAgree() &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    ComparePlace(t, cache_.actor(t).place());
  }
}

void Lockstep::ComparePlace(std::uint8_t thread, int place) {
  if (place == segments_.Place(thread)) return;
  const auto name = [](int where) {
    if (where == Actor::kIdle) return std::string("idle");
    if (where == Actor::kRunning) return std::string("waiting");
    return "in a call of the store with " + std::to_string(where) + " effects to come";
  };
  Differ("T" + std::to_string(thread + 1), name(segments_.Place(thread)), name(place));
}

void Lockstep::CompareAnswers() {
  const auto join = [](std::string text, const std::string& more) { return text + more + "; "; };
  for (std::uint8_t t = 0; t < kMostThreads; ++t) {
    if (!segments_.state().threads[t].idle() || !std::exchange(under_way_[t], false)) continue;
    std::string expected;
    for (const auto& [key, text] : answers_[t]) expected = join(std::move(expected), text);
    std::string got;
    for (const std::string& text : cache_.actor(t).answers()) got = join(std::move(got), text);
    if (got != expected) Differ("what T" + std::to_string(t + 1) + " gets", expected, got);
  }
}

namespace {

struct Counter {
  std::string_view name;
  std::uint64_t Shown::* in_model;
  std::uint64_t ShardStats::* in_cache;
};
constexpr Counter kCounters[] = {
    {"hits", &Shown::hits, &ShardStats::hits},
    {"misses", &Shown::misses, &ShardStats::misses},
    {"absent", &Shown::absent, &ShardStats::absent},
    {"loads", &Shown::loads, &ShardStats::loads},
    {"shared_loads", &Shown::shared_loads, &ShardStats::shared_loads},
    {"load_errors", &Shown::load_errors, &ShardStats::load_errors},
    {"stale_loads", &Shown::stale_loads, &ShardStats::stale_loads},
    {"inserts", &Shown::inserts, &ShardStats::inserts},
    {"writes", &Shown::writes, &ShardStats::writes},
    {"invalidations", &Shown::invalidations, &ShardStats::invalidations},
};

}  // namespace

bool Lockstep::CountersAgree() {
  const ShardStats now = cache_.stats();
  return std::ranges::all_of(kCounters, [&](const Counter& counter) {
    return now.*counter.in_cache - before_.*counter.in_cache == shown_.*counter.in_model;
  });
}

void Lockstep::CompareCounters() {
  if (CountersAgree()) return;
  const ShardStats now = cache_.stats();
  for (const Counter& counter : kCounters) {
    const std::uint64_t expected = shown_.*counter.in_model;
    const std::uint64_t got = now.*counter.in_cache - before_.*counter.in_cache;
    if (got != expected) {
      Differ(std::string(counter.name), std::to_string(expected), std::to_string(got));
    }
  }
}

void Lockstep::CompareTier() {
  for (std::uint8_t k = 0; k < kMostKeys; ++k) {
    const Version entry = segments_.state().keys[k].entry;
    const std::string expected = entry == kNothing ? "" : TextOf(k, entry) + ", hit";
    const std::string held = cache_.Held(k);
    if (held != expected) Differ("the entry of " + SteppedCache::KeyName(k), expected, held);
    if (held.empty()) continue;
    ++shown_.hits;  // by looking
    if (IsAbsent(entry)) ++shown_.absent;
  }
}

void Lockstep::Differ(const std::string& what, const std::string& model, const std::string& cache) {
  if (!difference_.empty()) difference_ += "; ";
  difference_ += what + ": '" + model + "' in the model, '" + cache + "' in the cache";
}

std::string Lockstep::TextOf(std::uint8_t key, Version version) const {
  if (version == kFailed) return "error";
  if (version == kNever) return "what the store never held";
  return texts_[key].at(version);
}

}  // namespace kvcache::model
