// The checker of histories, against histories made by hand and against trying all orders.
#include "linearizability/checker.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "harness.h"
#include "linearizability/minimize.h"
#include "support/random_trace.h"

namespace kvcache::testing {
namespace {

using Effect = Operation::Effect;
using History = std::vector<Operation>;

Operation Of(Effect effect, std::uint64_t called, std::uint64_t returned, KeySet keys,
             const Versions& versions) {
  return {
      .effect = effect, .keys = keys, .versions = versions, .called = called, .returned = returned};
}
// Of key 0, or as many keys as there are versions.
Operation Read(std::uint64_t called, std::uint64_t returned, Version version) {
  return Of(Effect::kReads, called, returned, Only(0), {version});
}
Operation Write(std::uint64_t called, std::uint64_t returned, Version version) {
  return Of(Effect::kWrites, called, returned, Only(0), {version});
}
Operation Failed(std::uint64_t called, std::uint64_t returned, Version version) {
  return Of(Effect::kMayWrite, called, returned, Only(0), {version});
}
Operation ReadBoth(std::uint64_t called, std::uint64_t returned, Version a, Version b) {
  return Of(Effect::kReads, called, returned, Only(0) | Only(1), {a, b});
}
Operation WriteBoth(std::uint64_t called, std::uint64_t returned, Version a, Version b) {
  return Of(Effect::kWrites, called, returned, Only(0) | Only(1), {a, b});
}
Operation FailedBoth(std::uint64_t called, std::uint64_t returned, Version a, Version b) {
  return Of(Effect::kMayWrite, called, returned, Only(0) | Only(1), {a, b});
}
Operation OfKey1(Operation operation) {
  operation.keys = Only(1);
  std::swap(operation.versions[0], operation.versions[1]);
  return operation;
}

bool Linearizable(const History& history) { return !Checker().Check(history); }

TEST_CASE("one key: what is linearizable") {
  CHECK(Linearizable({}));
  CHECK(Linearizable({Read(1, 2, kNothing)}));
  CHECK(Linearizable({Write(1, 2, 7), Read(3, 4, 7)}));
  CHECK(Linearizable({Write(1, 2, 7), Read(3, 4, kSomething)}));
  // A read beside a write gets either.
  CHECK(Linearizable({Write(1, 4, 7), Read(2, 3, 7)}));
  CHECK(Linearizable({Write(1, 4, 7), Read(2, 3, kNothing)}));
  // Writes beside each other come in either order, and in another one than they return in.
  CHECK(Linearizable({Write(1, 3, 7), Write(2, 4, 8), Read(5, 6, 7)}));
  CHECK(Linearizable({Write(1, 3, 7), Write(2, 4, 8), Read(5, 6, 8)}));
  CHECK(Linearizable({Write(1, 10, 7), Write(2, 3, 8), Read(4, 5, 8), Read(6, 7, 7)}));
  // A read explained by a write that returns long after it.
  CHECK(Linearizable({Write(1, 20, 7), Read(2, 3, kNothing), Read(4, 5, 7), Read(6, 7, 7)}));
}

TEST_CASE("one key: what is not") {
  CHECK_FALSE(Linearizable({Read(1, 2, 7)}));
  CHECK_FALSE(Linearizable({Read(1, 2, kSomething)}));
  CHECK_FALSE(Linearizable({Write(1, 2, 7), Read(3, 4, kNothing)}));
  CHECK_FALSE(Linearizable({Read(1, 2, 7), Write(3, 4, 7)}));
  // Older than what was seen before.
  CHECK_FALSE(Linearizable({Write(1, 10, 7), Read(2, 3, 7), Read(4, 5, kNothing)}));
  CHECK_FALSE(Linearizable({Write(1, 2, 7), Write(3, 4, 8), Read(5, 6, 7)}));
  // Two readers who disagree about the order of two writes.
  CHECK_FALSE(Linearizable({Write(1, 3, 7), Write(2, 4, 8), Read(5, 6, 7), Read(7, 8, 8)}));
}

TEST_CASE("a failed write took effect while it was under way, or never") {
  CHECK(Linearizable({Failed(1, 2, 7), Read(3, 4, 7)}));
  CHECK(Linearizable({Failed(1, 2, 7), Read(3, 4, kNothing)}));
  CHECK(Linearizable({Failed(1, 4, 7), Write(2, 3, 8), Read(5, 6, 7), Read(7, 8, 7)}));
  CHECK_FALSE(Linearizable({Failed(1, 2, 7), Read(3, 4, 7), Read(5, 6, kNothing)}));
  CHECK_FALSE(Linearizable({Failed(1, 2, 7), Read(3, 4, kNothing), Read(5, 6, 7)}));
  CHECK_FALSE(Linearizable({Failed(1, 2, 7), Write(3, 4, 8), Read(5, 6, 7)}));
}

TEST_CASE("several keys: batches are atomic and scans are snapshots") {
  CHECK(Linearizable({WriteBoth(1, 6, 7, 7), ReadBoth(2, 3, 0, 0), ReadBoth(4, 5, 7, 7)}));
  CHECK(Linearizable({WriteBoth(1, 2, 7, 7), Write(3, 6, 8), ReadBoth(4, 5, 8, 7)}));
  CHECK(Linearizable({FailedBoth(1, 2, 7, 7), ReadBoth(3, 4, 7, 7)}));
  CHECK(Linearizable({FailedBoth(1, 2, 7, 7), Read(3, 4, 7), OfKey1(Read(5, 6, 7))}));

  CHECK_FALSE(Linearizable({WriteBoth(1, 4, 7, 7), ReadBoth(2, 3, 7, 0)}));
  CHECK_FALSE(Linearizable({FailedBoth(1, 2, 7, 7), Read(3, 4, 7), OfKey1(Read(5, 6, 0))}));
  // Each key by itself is in order: only together they are not.
  CHECK_FALSE(Linearizable(
      {Write(1, 8, 7), OfKey1(Write(2, 9, 7)), ReadBoth(3, 4, 7, 0), ReadBoth(5, 6, 0, 7)}));
  CHECK_FALSE(Linearizable(
      {WriteBoth(1, 4, 7, 7), WriteBoth(2, 5, 8, 8), Read(6, 7, 7), OfKey1(Read(8, 9, 8))}));
}

TEST_CASE("the operation named is the first without an explanation") {
  const History history = {Write(1, 2, 7), Read(3, 6, 8), Read(4, 5, kNothing), Read(7, 8, 7)};
  CHECK(Checker().Check(history) == 2);
}

TEST_CASE("what may be so at the end of one piece is so at the beginning of the next") {
  Checker checker;
  CHECK_FALSE(checker.Check(History{Write(1, 3, 7), Write(2, 4, 8), OfKey1(Failed(1, 4, 9))}));
  CHECK(checker.States() == std::set<Versions>{{7, 0}, {7, 9}, {8, 0}, {8, 9}});
  CHECK_FALSE(checker.Check(History{Read(5, 6, 7), OfKey1(Read(7, 8, 9))}));
  CHECK(checker.States() == std::set<Versions>{{7, 9}});
  CHECK(checker.Check(History{Read(9, 10, 8)}) == 0);
}

TEST_CASE("a batch that failed keeps its keys together until it is known") {
  Checker checker;
  CHECK_FALSE(checker.Check(History{FailedBoth(1, 2, 7, 7), Write(3, 4, 8)}));
  CHECK(checker.States() == std::set<Versions>{{8, 0}, {8, 7}});
  CHECK_FALSE(checker.Check(History{FailedBoth(5, 6, 9, 9)}));
  CHECK(checker.States() == std::set<Versions>{{8, 0}, {8, 7}, {9, 9}});
}

// Random histories of few operations, most of them close to linearizable.

constexpr std::size_t kKeys = 3;

Operation RandomOperation(Random& random, Version version, const Versions& likely) {
  constexpr Effect kEffects[] = {Effect::kReads, Effect::kReads, Effect::kWrites,
                                 Effect::kMayWrite};
  Operation operation;
  operation.effect = kEffects[Below(random, 4)];
  operation.keys =
      Below(random, 3) == 0 ? 1 + Below(random, (1 << kKeys) - 1) : Only(Below(random, kKeys));
  for (std::size_t key = 0; key < kKeys; ++key) {
    if (!Has(operation.keys, key)) continue;
    Version& its = operation.versions[key];
    its = Below(random, 4) == 0 ? kNothing : version;
    if (operation.writes()) continue;
    const std::uint32_t what = Below(random, 8);
    its = what == 0 ? kSomething : what == 1 ? Below(random, 7) : likely[key];
  }
  return operation;
}

History RandomHistory(Random& random, std::size_t operations) {
  std::vector<std::uint64_t> places(2 * operations);
  std::iota(places.begin(), places.end(), 1);
  // Neighbours change places: operations overlap those near them.
  for (std::size_t i = 0; i < 3 * operations; ++i) {
    const std::size_t at = Below(random, places.size() - 1);
    std::swap(places[at], places[at + 1]);
  }
  History history;
  Versions likely{};
  for (std::size_t i = 0; i < operations; ++i) {
    Operation& operation =
        history.emplace_back(RandomOperation(random, static_cast<Version>(i + 1), likely));
    const auto [called, returned] = std::minmax(places[2 * i], places[2 * i + 1]);
    operation.called = called;
    operation.returned = returned;
    for (std::size_t key = 0; key < kKeys; ++key) {
      if (operation.writes() && Has(operation.keys, key)) likely[key] = operation.versions[key];
    }
  }
  return history;
}

// The states in which the operations in this order, each of those that failed done or not, can
// leave a store; none if one of them cannot have returned what it did.
void Play(const History& order, std::size_t next, Versions state, std::set<Versions>& ends) {
  if (next == order.size()) return void(ends.insert(state));
  const Operation& operation = order[next];
  if (operation.effect == Effect::kMayWrite) Play(order, next + 1, state, ends);
  for (std::size_t key = 0; key < kKeys; ++key) {
    if (!Has(operation.keys, key)) continue;
    const Version version = operation.versions[key];
    if (operation.writes()) {
      state[key] = version;
    } else if (version == kSomething ? state[key] == kNothing : state[key] != version) {
      return;
    }
  }
  Play(order, next + 1, state, ends);
}

bool InRealTimeOrder(const History& order) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = i + 1; j < order.size(); ++j) {
      if (order[j].returned < order[i].called) return false;
    }
  }
  return true;
}

std::set<Versions> EndsOfAllOrders(const History& history) {
  History order = history;
  std::ranges::sort(order, {}, &Operation::called);
  std::set<Versions> ends;
  do {
    if (InRealTimeOrder(order)) Play(order, 0, {}, ends);
  } while (std::ranges::next_permutation(order, {}, &Operation::called).found);
  return ends;
}

TEST_CASE("random histories: as trying all orders says, and the same states at the end") {
  Random random(Seed());
  std::size_t linearizable = 0;
  constexpr std::size_t kHistories = 4'000;
  for (std::size_t i = 0; i < kHistories; ++i) {
    const History history = RandomHistory(random, 2 + Below(random, 5));
    CAPTURE(i);
    CAPTURE(ToText(history));
    Checker checker;
    const bool explained = !checker.Check(history);
    const std::set<Versions> ends = EndsOfAllOrders(history);
    REQUIRE(explained == !ends.empty());
    if (explained) REQUIRE(checker.States() == ends);
    linearizable += explained ? 1 : 0;
  }
  CHECK(linearizable > kHistories / 5);
  CHECK(linearizable < kHistories * 4 / 5);
}

TEST_CASE("random histories: what a minimized one is") {
  Random random(Seed() + 1);
  std::size_t smaller = 0;
  for (std::size_t i = 0; i < 1'000; ++i) {
    const History history = RandomHistory(random, 6);
    if (Linearizable(history)) continue;
    CAPTURE(ToText(history));
    const History minimized = Minimize(Checker(), history);
    CAPTURE(ToText(minimized));
    REQUIRE_FALSE(Linearizable(minimized));
    smaller += minimized.size() < history.size() ? 1 : 0;
    for (const Operation& part : minimized) {
      REQUIRE(std::ranges::any_of(history, [&](const Operation& whole) {
        return part.called == whole.called && (part.keys & ~whole.keys) == 0;
      }));
    }
  }
  CHECK(smaller > 300);
}

TEST_CASE("minimized: one key, and what matters of it") {
  const History history = {WriteBoth(1, 2, 7, 7),    Write(3, 4, 8),    Read(5, 6, 8),
                           OfKey1(Read(7, 8, 7)),    Failed(9, 12, 10), Read(10, 11, 7),
                           OfKey1(Write(13, 14, 11))};
  CHECK(ToText(Minimize(Checker(), history)) ==
        ToText(History{Write(1, 2, 7), Write(3, 4, 8), Read(10, 11, 7)}));
}

}  // namespace
}  // namespace kvcache::testing
