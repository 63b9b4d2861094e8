// What the memory tier's shortcuts cost in hits: marks by ticks and bounded repairs, against the
// exact order.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "harness.h"
#include "policy/tier_rules.h"
#include "support/policy_driver.h"
#include "support/random_trace.h"
#include "tier/policy_registry.h"

namespace kvcache {
namespace {

using testing::PolicyDriver;
using testing::Random;
using testing::Zipf;

double HitRatio(const std::string& policy, const std::vector<std::uint32_t>& trace,
                std::size_t keys, std::size_t capacity, bool exact) {
  const PolicySpec spec = *ParsePolicy(policy);
  PolicyDriver driver([&](const PolicyContext& context) { return spec.Make(context); }, keys,
                      capacity, exact);
  std::size_t hits = 0;
  for (const std::uint32_t key : trace) {
    if (!driver.Request(key)) continue;
    ++hits;
    if (!exact && hits % kHitsPerRepair == 0) driver.policy().Repair(kHitsPerRepair);
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

TEST_CASE("tier mode hits within 0.001 of the exact policy") {
  constexpr std::size_t kKeys = 20000;
  constexpr std::size_t kRequests = 300000;
  Random random(testing::Seed());
  for (const double skew : {0.7, 0.99, 1.2}) {
    const Zipf zipf(kKeys, skew);
    std::vector<std::uint32_t> trace(kRequests);
    for (std::size_t i = 0; i < kRequests; ++i) {
      // The popular keys change slowly, so that recency counts too.
      trace[i] = static_cast<std::uint32_t>((zipf(random) + i / 100) % kKeys);
    }
    for (const char* policy : {"lru", "lfu", "lru-k:k=2", "lru-k:k=3"}) {
      for (const std::size_t capacity : {1000U, 4000U}) {
        const double exact = HitRatio(policy, trace, kKeys, capacity, true);
        const double tier = HitRatio(policy, trace, kKeys, capacity, false);
        CAPTURE(policy);
        CAPTURE(skew);
        CAPTURE(capacity);
        CAPTURE(exact);
        CHECK(std::abs(tier - exact) < 0.001);
      }
    }
  }
}

TEST_CASE("a long phase of hits and then only new keys: the hottest thousand stay") {
  constexpr std::size_t kCapacity = 20000;
  constexpr std::size_t kHits = 1000000;
  constexpr std::size_t kNewKeys = kCapacity / 2;
  Random random(testing::Seed());
  const Zipf zipf(kCapacity, 0.99);
  // Popularity has nothing to do with the order of insertion.
  std::vector<std::uint32_t> key_of_rank(kCapacity);
  for (std::uint32_t i = 0; i < kCapacity; ++i) key_of_rank[i] = i;
  std::ranges::shuffle(key_of_rank, random);
  for (const char* policy : {"lru", "lfu", "lru-k:k=2", "lru-k:k=3"}) {
    CAPTURE(policy);
    const PolicySpec spec = *ParsePolicy(policy);
    PolicyDriver driver([&](const PolicyContext& context) { return spec.Make(context); },
                        kCapacity + kNewKeys, kCapacity, false);
    for (std::uint32_t key = 0; key < kCapacity; ++key) driver.Request(key);
    for (std::size_t i = 0; i < kHits; ++i) {
      REQUIRE(driver.Request(key_of_rank[zipf(random)]));
      if (i % kHitsPerRepair == 0) driver.policy().Repair(kHitsPerRepair);
    }
    for (std::uint32_t i = 0; i < kNewKeys; ++i) driver.Request(kCapacity + i);
    std::size_t kept = 0;
    for (std::size_t rank = 0; rank < 1000; ++rank) {
      kept += driver.Resident(key_of_rank[rank]) ? 1 : 0;
    }
    CHECK(kept >= 998);
  }
}

}  // namespace
}  // namespace kvcache
