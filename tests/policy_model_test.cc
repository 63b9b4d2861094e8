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
#include "support/naive_policies.h"
#include "support/policy_driver.h"
#include "support/random_trace.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {
namespace {

MakePolicyFunction Maker(const std::string& spec) {
  return [spec](const PolicyContext& context) {
    auto policy = MakePolicy(spec, context);
    REQUIRE_MESSAGE(policy, policy.error().message);
    return std::move(*policy);
  };
}

// The number of the first request on which the two differ, or the length of the trace.
std::size_t FirstDifference(const std::vector<std::uint32_t>& trace, PolicyDriver& driver,
                            NaiveCache& naive) {
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (driver.Request(trace[i]) != naive.Request(trace[i])) return i;
  }
  return trace.size();
}

TEST_CASE("every policy hits and misses as its naive model does") {
  constexpr std::uint64_t kTraces = 60;
  constexpr std::size_t kRequests = 3000;
  for (const NaivePolicy& policy : NaivePolicies()) {
    CAPTURE(policy.spec);
    for (std::uint64_t number = 0; number < kTraces; ++number) {
      Random random(Seed() + number);
      const std::size_t capacity = 1 + Below(random, number % 3 == 0 ? 8 : 200);
      const std::size_t keys = capacity + 1 + Below(random, 4 * capacity);
      CAPTURE(number);
      CAPTURE(capacity);
      CAPTURE(keys);
      const auto trace = RandomTrace(Seed() + number, kRequests, keys);
      PolicyDriver driver(Maker(policy.spec), keys, capacity);
      CHECK(FirstDifference(trace, driver, *policy.make(capacity)) == kRequests);
    }
  }
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
    const auto trace = RandomTrace(Seed() + number, kRequests, 100);
    PolicyDriver lru_driver(lru, 100, 30);
    NaiveLru naive_lru(30);
    CHECK(FirstDifference(trace, lru_driver, naive_lru) == kRequests);
    for (const std::size_t k : {1U, 2U, 3U}) {
      CAPTURE(k);
      const auto lru_k = NearOverflow<LruK>(
          [k](const PolicyContext& context) { return std::make_unique<LruK>(context, k, 1.0); });
      PolicyDriver driver(lru_k, 100, 30);
      NaiveLruK naive(30, k, 1);
      CHECK(FirstDifference(trace, driver, naive) == kRequests);
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
