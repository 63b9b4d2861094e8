// The policies against naive models of their definitions, request by request.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "harness.h"
#include "policy/lru.h"
#include "policy/lru_k.h"
#include "simulate/simulated_cache.h"
#include "support/naive_policies.h"
#include "support/policy_driver.h"
#include "support/random_trace.h"
#include "support/sanitizers.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {
namespace {

MakePolicyFunction MakerOf(const std::string& spec) {
  return [spec](const PolicyContext& context) {
    const auto parsed = ParsePolicy(spec);
    REQUIRE_MESSAGE(parsed, parsed.error().message);
    return parsed->Make(context);
  };
}

struct SizedTrace {
  std::vector<std::uint32_t> keys;
  std::vector<std::uint32_t> sizes;  // by key
};

SizedTrace RandomSizedTrace(std::uint64_t seed, std::size_t requests, std::size_t keys,
                            std::uint32_t most_size) {
  SizedTrace trace{RandomTrace(seed, requests, keys), {}};
  Random random(seed);
  for (std::size_t i = 0; i < keys; ++i) trace.sizes.push_back(1 + Below(random, most_size));
  return trace;
}

// The number of the first request on which the two differ, or the length of the trace.
std::size_t FirstDifference(const SizedTrace& trace, SimulatedCache& cache, NaiveCache& naive) {
  for (std::size_t i = 0; i < trace.keys.size(); ++i) {
    const std::uint32_t key = trace.keys[i];
    const std::uint32_t size = trace.sizes[key];
    if (cache.Request(HashOfKey(key), size) != naive.Request(key, size)) return i;
  }
  return trace.keys.size();
}

void CheckAgainstNaiveModels(std::uint32_t most_size) {
  constexpr std::uint64_t kTraces = kSanitized ? 6 : 60;
  constexpr std::size_t kRequests = 3000;
  for (const NaivePolicy& policy : NaivePolicies()) {
    if (most_size > 1 && !policy.sized) continue;
    CAPTURE(policy.spec);
    for (std::uint64_t number = 0; number < kTraces; ++number) {
      Random random(Seed() + number);
      const std::size_t objects = 1 + Below(random, number % 3 == 0 ? 8 : 200);
      const std::size_t keys = objects + 1 + Below(random, 4 * objects);
      const std::uint64_t capacity = objects * (1 + most_size) / 2;
      CAPTURE(number);
      CAPTURE(capacity);
      CAPTURE(keys);
      const SizedTrace trace = RandomSizedTrace(Seed() + number, kRequests, keys, most_size);
      SimulatedCache cache(MakerOf(policy.spec), capacity);
      CHECK(FirstDifference(trace, cache, *policy.make(capacity)) == kRequests);
      CHECK(cache.used() <= capacity);
    }
  }
}

TEST_CASE("every policy hits and misses as its naive model does") { CheckAgainstNaiveModels(1); }

TEST_CASE("so it does with objects of many sizes, some larger than the cache") {
  CheckAgainstNaiveModels(50);
}

TEST_CASE("every registered policy has a naive model") {
  for (const PolicyInfo& info : RegisteredPolicies()) {
    bool found = false;
    for (const NaivePolicy& policy : NaivePolicies()) found = found || policy.spec == info.name;
    CHECK_MESSAGE(found, "support/naive_policies.h lacks a model of " << info.name);
  }
}

// The clocks of lru and lru-k are 32 bits wide and are set back before they overflow.
template <class P>
MakePolicyFunction NearOverflow(std::function<std::unique_ptr<P>(const PolicyContext&)> make) {
  return [make = std::move(make)](const PolicyContext& context) {
    auto policy = make(context);
    policy->SetClockForTest(std::numeric_limits<std::uint32_t>::max() - 1000);
    return policy;
  };
}

TEST_CASE("lru and lru-k stay exact when their clock is set back") {
  constexpr std::size_t kRequests = 4000;
  const auto lru = NearOverflow<Lru>(
      [](const PolicyContext& context) { return std::make_unique<Lru>(context); });
  for (std::uint64_t number = 0; number < 10; ++number) {
    CAPTURE(number);
    const SizedTrace trace = RandomSizedTrace(Seed() + number, kRequests, 100, 1);
    SimulatedCache lru_cache(lru, 30);
    NaiveLru naive_lru(30);
    CHECK(FirstDifference(trace, lru_cache, naive_lru) == kRequests);
    for (const std::size_t k : {1U, 2U, 3U}) {
      CAPTURE(k);
      const auto lru_k = NearOverflow<LruK>(
          [k](const PolicyContext& context) { return std::make_unique<LruK>(context, k, 1.0); });
      SimulatedCache cache(lru_k, 30);
      NaiveLruK naive(30, k, 1);
      CHECK(FirstDifference(trace, cache, naive) == kRequests);
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
