// The order that the memory tier keeps beside its readers, against the exact one.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "kvcache/policy.h"
#include "support/every_key_store.h"
#include "support/random_trace.h"
#include "support/sanitizers.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

std::unique_ptr<Cache> OpenCache(const std::string& policy, std::uint64_t entries, bool exact) {
  Options options;
  options.policy = policy;
  options.capacity_entries = entries;
  options.shards = 1;
  options.exact_policy = exact;
  auto cache = Cache::Open(options, std::make_unique<EveryKeyStore>());
  REQUIRE_MESSAGE(cache, Text(cache.error()));
  return *std::move(cache);
}

void Request(Cache& cache, std::uint32_t key) {
  thread_local std::string value;
  if (!cache.Get(std::to_string(key), value)) FAIL("a read failed");
}

double HitRatio(Cache& cache, const std::vector<std::uint32_t>& trace) {
  for (const std::uint32_t key : trace) Request(cache, key);
  return cache.GetStats().hit_ratio();
}

TEST_CASE("hit ratios of the bounded order are within 0.001 of those of the exact one") {
  constexpr std::size_t kKeys = 50'000;
  const std::size_t requests = kSanitized ? 100'000 : 1'000'000;
  Random random(Seed());
  const Zipf zipf(kKeys, 0.9);
  std::vector<std::uint32_t> skewed(requests);
  for (std::uint32_t& key : skewed) key = zipf(random);
  const auto mixed = RandomTrace(Seed(), requests, kKeys);
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    for (const std::uint64_t entries : {500U, 5000U}) {
      for (const std::vector<std::uint32_t>* trace : {&std::as_const(skewed), &mixed}) {
        CAPTURE(policy.name);
        CAPTURE(entries);
        CAPTURE(trace == &skewed);
        const double exact = HitRatio(*OpenCache(policy.name, entries, true), *trace);
        const double bounded = HitRatio(*OpenCache(policy.name, entries, false), *trace);
        CHECK(std::abs(bounded - exact) <= 0.001);
      }
    }
  }
}

// Of the hottest thousand entries, those lost when a long phase of nothing but hits, in which no
// eviction repairs the order, is followed by as many new keys as half the tier.
int LostHotEntries(const std::string& policy, bool exact) {
  constexpr std::uint32_t kEntries = 20'000;
  constexpr int kHot = 1000;
  const auto cache = OpenCache(policy, kEntries, exact);
  for (std::uint32_t key = 0; key < kEntries; ++key) Request(*cache, key);
  Random random(Seed());
  const Zipf zipf(kEntries, 0.99);
  for (std::uint32_t i = 0; i < 20 * kEntries; ++i) Request(*cache, zipf(random));
  for (std::uint32_t key = kEntries; key < kEntries * 3 / 2; ++key) Request(*cache, key);
  const std::uint64_t hits = cache->GetStats().total.hits;
  for (std::uint32_t key = 0; key < kHot; ++key) Request(*cache, key);
  return kHot - static_cast<int>(cache->GetStats().total.hits - hits);
}

TEST_CASE("a phase of hits alone does not cost the hottest entries their place") {
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    CAPTURE(policy.name);
    const int exact = LostHotEntries(policy.name, true);
    const int bounded = LostHotEntries(policy.name, false);
    CHECK(bounded <= exact + 5);
  }
}

}  // namespace
}  // namespace kvcache::testing
