// What the sides of kvtool bench ask their systems for, and what they make of it.
#include "kvtool/bench_rounds.h"

#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::kvtool {

// The systems here have no device.
std::uint64_t DeviceReads() { return 0; }

namespace {

constexpr std::uint64_t kRecords = 1000;

// What a system was asked for; the threads' requests in any order.
struct Asked {
  std::mutex mutex;
  std::vector<std::string> keys;
  std::vector<std::string> written;
  bool memory = true;  // else a Get throws
};

class NotingSystem : public System {
 public:
  explicit NotingSystem(Asked& asked) : asked_(asked) {}

  Result<bool> Get(std::string_view key, std::string&) override {
    if (!asked_.memory) throw std::bad_alloc();
    Note(key);
    return true;
  }
  Result<void> MultiGet(std::span<const std::string_view> keys) override {
    for (const std::string_view key : keys) Note(key);
    return {};
  }
  Result<void> Put(std::string_view key, std::string_view value) override {
    Note(key);
    const std::lock_guard lock(asked_.mutex);
    asked_.written.emplace_back(value);
    return {};
  }
  Result<void> Scan(std::string_view from, std::size_t) override {
    Note(from);
    return {};
  }
  MemoryFigures Memory() override { return {}; }

 private:
  void Note(std::string_view key) {
    const std::lock_guard lock(asked_.mutex);
    asked_.keys.emplace_back(key);
  }

  Asked& asked_;
};

Side MakeSide(Asked& asked, std::string_view workload, const ClientOptions& options) {
  return {"noting", std::make_unique<NotingSystem>(asked), *FindWorkload(workload), kRecords,
          options};
}

// How many of these operations a round has.
std::uint64_t Operations(Side& side, std::uint64_t operations) {
  const auto round = side.Run(operations);
  REQUIRE(round);
  return round->operations;
}

// The keys of the next round, in their order.
std::vector<std::string> NextKeys(Side& side, Asked& asked, std::uint64_t operations) {
  asked.keys.clear();
  REQUIRE(side.Run(operations));
  std::ranges::sort(asked.keys);
  return asked.keys;
}

TEST_CASE("sides that have run as many operations are asked for the same next") {
  for (const std::string_view workload : {"hotspot", "sequential", "d", "e", "mixgraph"}) {
    CAPTURE(workload);
    Asked by_one;
    Asked by_other;
    Side one = MakeSide(by_one, workload, {.threads = 3});
    Side other = MakeSide(by_other, workload, {.threads = 3});
    for (int i = 0; i < 2; ++i) REQUIRE(Operations(one, 100) == 99);
    for (int i = 0; i < 6; ++i) REQUIRE(Operations(other, 32) == 30);
    REQUIRE(Operations(other, 18) == 18);
    CHECK(NextKeys(one, by_one, 300) == NextKeys(other, by_other, 300));

    one.Follow(*FindWorkload(workload), kRecords);
    other.Follow(*FindWorkload(workload), kRecords);
    CHECK(NextKeys(one, by_one, 300) == NextKeys(other, by_other, 300));
  }
}

TEST_CASE("what is written is made before the round: values differ in their first bytes alone") {
  Asked asked;
  Side side = MakeSide(asked, "a", {.value_bytes = 5000, .threads = 2});
  for (int i = 0; i < 2; ++i) REQUIRE(side.Run(500));
  REQUIRE(asked.written.size() > 400);
  const std::string rest = asked.written[0].substr(8);
  for (const std::string& value : asked.written) {
    CHECK(value.size() == 5000);
    CHECK((value.ends_with(rest)));
  }
  // Two threads may write the same.
  const std::set<std::string> distinct(asked.written.begin(), asked.written.end());
  CHECK(distinct.size() >= asked.written.size() / 2);
}

TEST_CASE("values have the sizes that the workload asks for, and else the bench") {
  Asked asked;
  Side side = MakeSide(asked, "mixgraph", {.value_bytes = 10});
  REQUIRE(side.Run(5000));
  const auto longest = std::ranges::max(asked.written, {}, &std::string::size).size();
  CHECK((longest > 200 && longest <= 1024));
  asked.written.clear();
  side.Follow(*FindWorkload("f"), kRecords);
  REQUIRE(side.Run(100));
  for (const std::string& value : asked.written) CHECK(value.size() == 10);
}

TEST_CASE("a bench whose threads cannot be started says so") {
  Asked asked;
  Side side = MakeSide(asked, "c", {.threads = 3});
  pthread_attr_t usual;
  pthread_attr_t huge;
  pthread_getattr_default_np(&usual);
  pthread_attr_init(&huge);
  pthread_attr_setstacksize(&huge, std::size_t{1} << 47);  // there is no room for such a stack
  pthread_setattr_default_np(&huge);
  const auto round = side.Run(300);
  pthread_setattr_default_np(&usual);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&usual);
  REQUIRE(!round);
  CHECK(round.error().message ==
        "cannot start 3 threads: the system gives 0; give fewer --threads");
  CHECK(asked.keys.empty());
  REQUIRE(side.Run(300));
  CHECK(asked.keys.size() == 300);
}

TEST_CASE("what is thrown in a bench's threads reaches the caller") {
  Asked asked;
  Side side = MakeSide(asked, "c", {.threads = 3});
  asked.memory = false;
  CHECK_THROWS_AS(side.Run(300), std::bad_alloc);
  asked.memory = true;
  CHECK(side.Run(300));
}

Round MakeRound(std::uint64_t operations, double seconds, TierFigures tier = {}) {
  Round round;
  round.operations = operations;
  round.seconds = seconds;
  round.tier = tier;
  return round;
}

TEST_CASE("the median of an even number of rounds lies between the middle two") {
  Asked asked;
  const Side side = MakeSide(asked, "c", {});
  std::vector<Round> rounds;
  for (const double seconds : {1.0, 8.0, 4.0, 2.0}) {
    rounds.push_back(MakeRound(800, seconds));
  }
  CHECK(side.Summarize(rounds).operations_per_second == 300);
  rounds.pop_back();
  CHECK(side.Summarize(rounds).operations_per_second == 200);
}

TEST_CASE("hits and shares of the tier are means by operations") {
  Asked asked;
  const Side side = MakeSide(asked, "c", {});
  const Summary summary = side.Summarize({MakeRound(300, 1, {.hit_ratio = 1, .share = 0.5}),
                                          MakeRound(100, 1, {.hit_ratio = 0, .share = 0.1})});
  CHECK(summary.tier.hit_ratio == doctest::Approx(0.75));
  CHECK(summary.tier.share == doctest::Approx(0.4));
}

}  // namespace
}  // namespace kvcache::kvtool
