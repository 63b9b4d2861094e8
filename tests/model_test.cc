// Random calls on one thread, faults of the store among them, against a std::map.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "harness.h"
#include "kvcache/options.h"
#include "kvcache/policy.h"
#include "support/model_run.h"
#include "support/random_trace.h"
#include "support/sanitizers.h"

namespace kvcache::testing {
namespace {

void Play(const Options& options, std::uint64_t seed) {
  const int steps = kSanitized ? 2500 : 15'000;
  CAPTURE(options.policy);
  CAPTURE(options.capacity);
  CAPTURE(options.capacity_entries);
  CAPTURE(seed);
  Random random(seed);
  ModelRun run(options, [&random](std::size_t bound) { return Below(random, bound); });
  run.faults().FailRandomly(seed, 0.03);
  for (int step = 0; step < steps; ++step) {
    const std::string error = run.Step();
    if (error.empty()) continue;
    FAIL_CHECK("step " << step << ": " << error);
    return;
  }
  CHECK(run.CheckAll() == "");
}

TEST_CASE("random calls agree with a map, for every policy and from tiny to large tiers") {
  std::uint64_t seed = Seed();
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    for (const std::uint64_t capacity : {0U, 1U << 12, 1U << 18, 1U << 20, 1U << 26}) {
      Options options;
      options.policy = policy.name;
      options.capacity = capacity;
      options.shards = capacity == 1 << 20 ? 1 : 4;
      options.cache_absent = seed % 2 == 0;
      options.value_alignment = seed % 3 == 0 ? 64 : 16;
      Play(options, ++seed);
    }
    for (const std::uint64_t entries : {1U, 10U, 100U}) {
      Options options;
      options.policy = policy.name;
      options.capacity_entries = entries;
      options.shards = entries == 100 ? 8 : 1;
      options.exact_policy = entries == 10;
      options.cache_absent = seed % 2 == 0;
      Play(options, ++seed);
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
