// The bound on what any cache can hit: against every cache there could be, on traces small enough
// to try them all, and against every policy on larger ones.
#include "simulate/opt_bound.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "harness.h"
#include "support/random_trace.h"
#include "support/simulations.h"

namespace kvcache::testing {
namespace {

// A request for a key, whose size is kSizes[key].
using Requests = std::vector<std::size_t>;
const std::vector<std::uint64_t> kSizes = {1, 2, 3, 7};

OptBound BoundOf(const Requests& requests) {
  OptBound bound;
  std::map<std::size_t, std::uint64_t> last;
  for (std::uint64_t i = 0; i < requests.size(); ++i) {
    const std::size_t key = requests[i];
    if (last.contains(key)) bound.AddReuse(kSizes[key], i - last[key], kSizes[key]);
    last[key] = i;
  }
  return bound;
}

struct Best {
  std::uint64_t hits = 0;
  std::uint64_t bytes = 0;
};

// Of all caches: after each request it may keep any of what it has and of what it was asked for, as
// long as that fits. `kept`: bit by bit, the keys.
Best BestOf(const Requests& requests, std::uint64_t capacity) {
  std::map<unsigned, Best> reached = {{0, {}}};
  for (const std::size_t key : requests) {
    std::map<unsigned, Best> next;
    for (const auto& [kept, so_far] : reached) {
      const unsigned all = kept | (1U << key);
      const bool hit = all == kept;
      const Best now{so_far.hits + (hit ? 1 : 0), so_far.bytes + (hit ? kSizes[key] : 0)};
      for (unsigned subset = all;; subset = (subset - 1) & all) {
        std::uint64_t bytes = 0;
        for (std::size_t k = 0; k < kSizes.size(); ++k) bytes += (subset >> k & 1) * kSizes[k];
        if (bytes <= capacity) {
          Best& best = next[subset];
          best.hits = std::max(best.hits, now.hits);
          best.bytes = std::max(best.bytes, now.bytes);
        }
        if (subset == 0) break;
      }
    }
    reached = std::move(next);
  }
  Best best;
  for (const auto& [kept, reach] : reached) {
    best.hits = std::max(best.hits, reach.hits);
    best.bytes = std::max(best.bytes, reach.bytes);
  }
  return best;
}

TEST_CASE("no cache that there could be exceeds it") {
  std::mt19937_64 random(Seed());
  double slack = 0;
  std::uint64_t traces = 0;
  for (int round = 0; round < 200; ++round) {
    Requests requests(20);
    for (std::size_t& key : requests) key = random() % kSizes.size();
    const OptBound bound = BoundOf(requests);
    for (std::uint64_t capacity = 0; capacity <= 13; ++capacity) {
      const Best best = BestOf(requests, capacity);
      CHECK(bound.MostHits(capacity, requests.size()) >= best.hits);
      CHECK(bound.MostHitBytes(capacity, requests.size()) >= best.bytes);
      slack += static_cast<double>(bound.MostHits(capacity, requests.size()) - best.hits);
      ++traces;
    }
  }
  // Of at most 16 hits; that it is near is what makes it of use.
  CHECK(slack / static_cast<double>(traces) < 2);
}

TEST_CASE("worked out by hand") {
  // a a b a: reuses that cost 1 and 2; b, of 2 bytes, is never asked for again.
  const Requests requests = {0, 0, 1, 0};
  const OptBound bound = BoundOf(requests);
  CHECK(bound.MostHits(0, 4) == 0);
  CHECK(bound.MostHits(1, 4) == 2);
  CHECK(bound.MostHitBytes(1, 4) == 2);
  CHECK(bound.MostHits(1, 2) == 1);  // of so short a trace it could not afford both
  CHECK(OptBound{}.MostHits(100, 100) == 0);
}

TEST_CASE("what takes no room is always kept, and what serves nothing is worth nothing") {
  OptBound bound;
  bound.AddReuse(0, 1000, 0);
  bound.AddReuse(0, 1000, 10);
  CHECK(bound.MostHits(0, 2000) == 2);
  CHECK(bound.MostHitBytes(0, 2000) == 10);
}

TEST_CASE("it never serves more bytes than were asked for, however many these are") {
  // A double has only every 8th number of this size, and the nearest of these is above it.
  constexpr std::uint64_t kServed = (std::uint64_t{1} << 56) - 3;
  OptBound bound;
  bound.AddReuse(1, 1, kServed);
  CHECK(bound.MostHitBytes(1, 2) == kServed);
  bound.AddReuse(1, 1, kServed);
  CHECK(bound.MostHitBytes(1, 3) == 2 * kServed);
}

TEST_CASE("a scan finds it, and no policy exceeds it, in objects and in bytes") {
  const TempFolder folder;
  std::string text;
  for (const std::uint32_t key : RandomTrace(Seed(), 20'000, 300)) {
    text += std::to_string(key) + "," + std::to_string(1 + key * key % 1000) + "\n";
  }
  const std::string path = WriteFile(folder, text);
  for (const SizeUnit unit : {SizeUnit::kObjects, SizeUnit::kBytes}) {
    const TraceScan scan = Scan(path, unit);
    std::vector<SimulatedCase> cases;
    for (const std::uint64_t percent : {1U, 10U, 50U, 100U}) {
      const std::uint64_t all = unit == SizeUnit::kBytes ? scan.bytes : scan.objects;
      for (const std::string& policy : AllPolicies()) {
        cases.push_back({SpecOf(policy), all * percent / 100});
      }
    }
    const auto results = MustSimulate(path, cases, {.sizes = unit, .threads = 2});
    for (std::size_t i = 0; i < cases.size(); ++i) {
      CAPTURE(i);
      const SimulatedCounts& counts = results[i].counts;
      CHECK(scan.requested_bytes == counts.bytes);
      CHECK(counts.requests - counts.misses <=
            scan.opt_bound.MostHits(cases[i].size, scan.requests));
      CHECK(counts.bytes - counts.missed_bytes <=
            scan.opt_bound.MostHitBytes(cases[i].size, scan.requests));
    }
    // Where everything fits, each key misses once and no more.
    CHECK(scan.opt_bound.MostHits(~std::uint64_t{0}, scan.requests) ==
          scan.requests - scan.objects);
  }
}

TEST_CASE("a key whose size changes may be kept with its least") {
  const TempFolder folder;
  const TraceScan scan = Scan(WriteFile(folder, "a,100\na,10\na,100\nb,1\n"), SizeUnit::kBytes);
  // Reuses that cost 100 and 10 bytes, over one request each, of 40 that ten bytes have to give.
  CHECK(scan.opt_bound.MostHits(10, scan.requests) == 1);
  CHECK(scan.opt_bound.MostHits(28, scan.requests) == 2);
}

}  // namespace
}  // namespace kvcache::testing
