// Simulate and the scan before it: caches of any number side by side, in objects and in bytes.
#include "simulate/simulation.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness.h"
#include "simulate/opt.h"
#include "simulate/simulated_cache.h"
#include "support/random_trace.h"
#include "support/sanitizers.h"
#include "support/simulations.h"

namespace kvcache::testing {
namespace {

// More than two batches of the reader.
constexpr std::size_t kSeveralBatches = 2 * RequestReader::kBatch + 1234;

// How many requests later each is repeated; 0: never.
std::vector<std::uint32_t> NaiveNextUses(const Keys& keys) {
  std::vector<std::uint32_t> next_uses(keys.size());
  std::map<std::uint32_t, std::size_t> next;
  for (std::size_t i = keys.size(); i-- > 0;) {
    const auto [found, is_last] = next.emplace(keys[i], i);
    if (!is_last) next_uses[i] = static_cast<std::uint32_t>(found->second - i);
    found->second = i;
  }
  return next_uses;
}

struct Outcome {
  std::uint64_t misses = 0;
  std::uint64_t objects = 0;
  bool operator==(const Outcome&) const = default;
};

// One cache, driven request by request.
Outcome RunByHand(const std::string& policy, std::uint64_t capacity, const Keys& keys) {
  const std::optional<PolicySpec> spec = SpecOf(policy);
  Opt* opt = nullptr;
  SimulatedCache cache(
      [&](const PolicyContext& context) -> std::unique_ptr<Policy> {
        if (spec) return spec->Make(context);
        auto made = std::make_unique<Opt>();
        opt = made.get();
        return made;
      },
      capacity);
  const std::vector<std::uint32_t> next_uses = NaiveNextUses(keys);
  const std::vector<SimulatedRequest> requests = RequestsOf(keys);
  Outcome outcome;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (opt != nullptr) opt->SetNextUse(next_uses[i] == 0 ? Opt::kNever : i + next_uses[i]);
    if (!cache.Request(requests[i].hash, 1)) ++outcome.misses;
    if (cache.used() > capacity) FAIL("more is cached than fits");
  }
  outcome.objects = cache.objects();
  return outcome;
}

TEST_CASE("with any number of threads a simulation is what each cache does by itself") {
  const Keys keys = RandomTrace(Seed(), kSeveralBatches, 400);
  const TempFolder folder;
  const std::string path = WriteTrace(folder, keys);
  std::vector<SimulatedCase> cases;
  std::vector<Outcome> expected;
  for (const std::string& policy : AllPolicies()) {
    for (const std::uint64_t size : {0U, 1U, 2U, 37U, 200U, 1000U}) {
      cases.push_back({SpecOf(policy), size});
      expected.push_back(RunByHand(policy, size, keys));
    }
  }
  for (const unsigned threads : {1U, 2U, 5U}) {
    CAPTURE(threads);
    std::vector<std::uint64_t> progress;
    const auto results = MustSimulate(
        path, cases, {.threads = threads, .progress = [&progress](std::uint64_t requests) {
                        progress.push_back(requests);
                      }});
    REQUIRE(results.size() == cases.size());
    for (std::size_t i = 0; i < cases.size(); ++i) {
      CAPTURE(cases[i].size);
      CAPTURE(i / 6);
      CHECK(results[i].counts.requests == keys.size());
      CHECK(results[i].counts.bytes == keys.size());
      CHECK(results[i].counts.missed_bytes == results[i].counts.misses);
      CHECK(Outcome{results[i].counts.misses, results[i].objects} == expected[i]);
    }
    CHECK(progress == std::vector<std::uint64_t>{RequestReader::kBatch, 2 * RequestReader::kBatch,
                                                 keys.size()});
  }
}

TEST_CASE("more threads than caches, and no cache at all") {
  const TempFolder folder;
  const std::string path = WriteTrace(folder, RandomTrace(Seed(), kSeveralBatches, 50));
  const auto one = MustSimulate(path, {{SpecOf("lru"), 10}}, {.threads = 9});
  REQUIRE(one.size() == 1);
  CHECK(one[0].counts.requests == kSeveralBatches);
  CHECK(one[0].objects == 10);
  CHECK(MustSimulate(path, {}, {.threads = 3}).empty());
}

// Belady's rule by looking ahead.
std::uint64_t MissesOfBelady(const Keys& keys, std::size_t capacity) {
  std::set<std::uint32_t> cached;
  std::uint64_t misses = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (cached.contains(keys[i])) continue;
    ++misses;
    if (capacity == 0) continue;
    if (cached.size() == capacity) {
      const auto next_use = [&](std::uint32_t key) {
        std::size_t at = i;
        while (at < keys.size() && keys[at] != key) ++at;
        return at;
      };
      cached.erase(*std::ranges::max_element(cached, {}, next_use));
    }
    cached.insert(keys[i]);
  }
  return misses;
}

// The least misses that are possible at all if every missed key is cached: by trying each victim.
// Keys are below 8; a cache's content is a set of bits.
class LeastMisses {
 public:
  LeastMisses(const Keys& keys, std::size_t capacity) : keys_(keys), capacity_(capacity) {}
  std::uint64_t From(std::size_t request, unsigned cached) {
    if (request == keys_.size()) return 0;
    const unsigned key = 1U << keys_[request];
    if ((cached & key) != 0) return From(request + 1, cached);
    const auto [known, is_new] = known_.emplace(std::pair(request, cached), ~std::uint64_t{0});
    if (!is_new) return known->second;
    std::uint64_t least = ~std::uint64_t{0};
    if (static_cast<std::size_t>(std::popcount(cached)) < capacity_) {
      least = 1 + From(request + 1, cached | key);
    } else {
      for (unsigned victim = 1; victim < 256; victim *= 2) {
        if ((cached & victim) == 0) continue;
        least = std::min(least, 1 + From(request + 1, (cached & ~victim) | key));
      }
    }
    return known_[{request, cached}] = least;
  }

 private:
  const Keys& keys_;
  const std::size_t capacity_;
  std::map<std::pair<std::size_t, unsigned>, std::uint64_t> known_;
};

TEST_CASE("opt misses as Belady's rule does, which is the least possible") {
  for (std::uint64_t number = 0; number < (kSanitized ? 10 : 60); ++number) {
    CAPTURE(number);
    const Keys few = RandomTrace(Seed() + number, 60, 3 + number % 5);
    const std::size_t capacity = 1 + number % 4;
    CHECK(RunByHand("opt", capacity, few).misses == LeastMisses(few, capacity).From(0, 0));
    const Keys keys = RandomTrace(Seed() + number, 1000, 80);
    for (const std::size_t size : {0U, 1U, 5U, 40U, 100U}) {
      CAPTURE(size);
      CHECK(RunByHand("opt", size, keys).misses == MissesOfBelady(keys, size));
    }
  }
}

TEST_CASE("no policy misses less than opt when objects have one size") {
  for (std::uint64_t number = 0; number < (kSanitized ? 4 : 20); ++number) {
    CAPTURE(number);
    const Keys keys = RandomTrace(Seed() + number, 3000, 150);
    for (const std::uint64_t size : {1U, 3U, 20U, 100U}) {
      CAPTURE(size);
      const std::uint64_t least = RunByHand("opt", size, keys).misses;
      for (const std::string& policy : AllPolicies()) {
        CAPTURE(policy);
        CHECK(RunByHand(policy, size, keys).misses >= least);
      }
    }
  }
}

TEST_CASE("a scan counts requests and keys, and finds each request's next use") {
  const Keys keys = RandomTrace(Seed(), kSeveralBatches, 700);
  const TempFolder folder;
  const std::string path = WriteTrace(folder, keys);
  const TraceScan scan = Scan(path);
  CHECK(scan.requests == keys.size());
  CHECK(scan.objects == std::set(keys.begin(), keys.end()).size());
  CHECK(scan.bytes == scan.objects);
  CHECK(scan.bad_lines == 0);
  const std::vector<std::uint32_t> expected = NaiveNextUses(keys);
  const PageVector<std::uint32_t> in_memory = NextUses(RequestsOf(keys));
  REQUIRE(scan.next_uses.size() == keys.size());
  REQUIRE(in_memory.size() == keys.size());
  bool same = true;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    same = same && scan.next_uses[i] == expected[i] && in_memory[i] == expected[i];
  }
  CHECK(same);
  const auto without = ScanTrace(path, {}, SizeUnit::kObjects, false, IgnoreProgress);
  REQUIRE(without);
  CHECK(without->next_uses.size() == 0);
  CHECK(without->objects == scan.objects);
}

}  // namespace
}  // namespace kvcache::testing
