// The policies against published miss ratios: equal to every digit, on every trace.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "simulate/trace_reader.h"
#include "support/every_key_store.h"
#include "support/policy_driver.h"
#include "support/sanitizers.h"
#include "support/shared_data.h"
#include "support/text.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {
namespace {

// Names of the table, and how users write the same.
const std::map<std::string, std::string>& Specs() {
  static const std::map<std::string, std::string> kSpecs = {
      {"lru", "lru"},
      {"lfu", "lfu"},
      {"lru-2 history=none", "lru-k:k=2,history=0"},
      {"lru-2 history=1x", "lru-k:k=2,history=1"},
      {"lru-2 history=unbounded", "lru-k:k=2,history=1e9"},
      {"lru-3 history=unbounded", "lru-k:k=3,history=1e9"},
  };
  return kSpecs;
}

// The rows to check, by trace; of one trace alone when the environment's KVCACHE_TRACE names it.
std::map<std::string, std::vector<Reference>> ReferencesByTrace() {
  const char* only = std::getenv("KVCACHE_TRACE");
  std::map<std::string, std::vector<Reference>> by_trace;
  for (const Reference& reference : ReadReferences()) {
    if (only != nullptr && reference.trace != only) continue;
    if (Specs().contains(reference.policy)) by_trace[reference.trace].push_back(reference);
  }
  return by_trace;
}

struct Trace {
  std::vector<std::string> keys;        // by id
  std::vector<std::uint32_t> requests;  // ids
};

Trace ReadTrace(const std::string& name) {
  Trace trace;
  auto reader = TraceReader::Open((TraceFolder() / (name + ".txt.zst")).string());
  REQUIRE_MESSAGE(reader, Text(reader.error()));
  std::unordered_map<std::string, std::uint32_t> ids;
  for (;;) {
    const auto request = (*reader)->Next();
    if (!request) FAIL(Text(request.error()));
    if (!*request) return trace;
    const auto next_id = static_cast<std::uint32_t>(ids.size());
    const auto [entry, is_new] = ids.emplace((*request)->key, next_id);
    if (is_new) trace.keys.push_back(entry->first);
    trace.requests.push_back(entry->second);
  }
}

std::size_t Misses(const Trace& trace, const Reference& reference) {
  const auto make = [&](const PolicyContext& context) {
    auto policy = MakePolicy(Specs().at(reference.policy), context);
    REQUIRE_MESSAGE(policy, Text(policy.error()));
    return std::move(*policy);
  };
  PolicyDriver driver(make, trace.keys.size(), reference.cache_size);
  std::size_t misses = 0;
  for (const std::uint32_t key : trace.requests) misses += driver.Request(key) ? 0 : 1;
  return misses;
}

std::size_t MissesOfCache(const Trace& trace, const Reference& reference) {
  Options options;
  options.capacity_entries = reference.cache_size;
  options.shards = 1;
  options.exact_policy = true;
  options.policy = Specs().at(reference.policy);
  auto cache = Cache::Open(options, std::make_unique<EveryKeyStore>());
  REQUIRE_MESSAGE(cache, Text(cache.error()));
  std::string value;
  for (const std::uint32_t key : trace.requests) {
    if (!(*cache)->Get(trace.keys[key], value)) FAIL("a read failed");
  }
  const Stats stats = (*cache)->GetStats();
  CHECK(stats.total.hits + stats.total.misses == trace.requests.size());
  CHECK(stats.total.entries <= reference.cache_size);
  return stats.total.misses;
}

using CountMisses = std::size_t (*)(const Trace&, const Reference&);

// Every row of the traces with at most so many requests.
void CheckReferences(CountMisses count, std::size_t most_requests) {
  const auto by_trace = ReferencesByTrace();
  if (by_trace.empty()) {
    Skip("no traces in " + TraceFolder().string() + " (or none of that name)");
    return;
  }
  for (const auto& [name, references] : by_trace) {
    if (references.front().requests > most_requests) continue;
    const Trace trace = ReadTrace(name);
    for (const Reference& reference : references) {
      CHECK(trace.requests.size() == reference.requests);
      const std::size_t misses = count(trace, reference);
      CHECK_MESSAGE(reference.Agrees(misses), name << ", " << reference.policy << ", "
                                                   << reference.cache_size << " objects: " << misses
                                                   << " misses of " << reference.requests
                                                   << ", published " << reference.miss_ratio);
    }
  }
}

TEST_CASE("the policies' miss ratios are the published ones, to every digit, on every trace") {
  // A sanitizer finds nothing in a long trace that it does not find in a short one.
  CheckReferences(Misses, kSanitized ? 140'000 : static_cast<std::size_t>(-1));
}

TEST_CASE("so are those of a cache with one shard and exact order, on the smaller traces") {
  CheckReferences(MissesOfCache, 140'000);
}

}  // namespace
}  // namespace kvcache::testing
