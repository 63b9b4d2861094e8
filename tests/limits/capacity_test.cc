// Capacities from 0 to more than any machine has: what is not used costs nothing.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "kvcache/policy.h"
#include "support/proc.h"
#include "support/sanitizers.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

// Above all of them the machine's memory, twice of it, and what no machine has.
std::vector<std::uint64_t> Capacities() {
  const std::uint64_t machine = MachineBytes("MemTotal");
  return {0,    1,           2,       63,          1023,       4096,       65535,      kMiB - 1,
          kMiB, 1024 * kMiB, machine, 2 * machine, 1ULL << 40, 1ULL << 48, 1ULL << 63, kMost};
}

// Writes and reads a few entries, and checks what they have cost.
void CheckServes(Cache& cache, std::uint64_t resident_before) {
  constexpr int kKeys = 100;
  const std::string value(1000, 'v');
  for (int i = 0; i < kKeys; ++i) {
    REQUIRE(Text(cache.Put("key" + std::to_string(i), value)) == "ok");
  }
  const std::uint64_t hits_before = cache.GetStats().total.hits;
  for (int i = 0; i < kKeys; ++i) {
    CHECK(Text(cache.Get("key" + std::to_string(i))) == value);
  }
  const Stats stats = cache.GetStats();
  const std::uint64_t hits = stats.total.hits - hits_before;
  const bool all_fit = stats.capacity >= (stats.capacity_in_entries ? 2 * kKeys : 16 * kMiB);
  if (all_fit) CHECK(hits == kKeys);
  if (stats.capacity == 0) CHECK(hits == 0);
  CHECK(stats.memory_bytes <= 16 * kMiB);
  // Sanitizers have a shadow of what is touched.
  if (!kSanitized) CHECK(ResidentBytes() <= resident_before + 32 * kMiB);
}

TEST_CASE("a cache of any capacity opens, serves, and takes only what it uses") {
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    for (const std::uint64_t capacity : Capacities()) {
      CAPTURE(policy.name);
      CAPTURE(capacity);
      const std::uint64_t before = ResidentBytes();
      auto cache = Cache::Open({.capacity = capacity, .policy = policy.name}, MakeMemoryStore());
      REQUIRE_MESSAGE(cache, Text(cache.error()));
      CHECK((*cache)->GetStats().capacity == capacity);
      CheckServes(**cache, before);
    }
  }
}

TEST_CASE("so it does when capacities come one after another, in bytes and in entries") {
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    CAPTURE(policy.name);
    const std::uint64_t before = ResidentBytes();
    auto cache = Cache::Open({.policy = policy.name, .shards = 4}, MakeMemoryStore());
    REQUIRE(cache);
    for (const std::uint64_t capacity : Capacities()) {
      CAPTURE(capacity);
      REQUIRE(Text((*cache)->SetCapacityEntries(capacity)) == "ok");
      CHECK(Text((*cache)->Put("k", "v")) == "ok");
      CHECK(Text((*cache)->Get("k")) == "v");
      REQUIRE(Text((*cache)->SetCapacity(capacity)) == "ok");
      CHECK(Text((*cache)->Put("k", "w")) == "ok");
      CHECK(Text((*cache)->Get("k")) == "w");
      CHECK((*cache)->GetStats().capacity == capacity);
    }
    CheckServes(**cache, before);
  }
}

TEST_CASE("every number of entries that there can be is a capacity to open with") {
  for (const std::uint64_t entries : {std::uint64_t{1}, std::uint64_t{1} << 32, kMost}) {
    CAPTURE(entries);
    const std::uint64_t before = ResidentBytes();
    auto cache = Cache::Open({.capacity_entries = entries, .shards = 1}, MakeMemoryStore());
    REQUIRE(cache);
    CHECK((*cache)->GetStats().capacity_in_entries);
    CheckServes(**cache, before);
  }
}

}  // namespace
}  // namespace kvcache::testing
