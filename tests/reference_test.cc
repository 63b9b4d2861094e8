// The policies against published miss ratios, on every trace: as close as
// ../shared/traces/README.md asks.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "simulate/opt.h"
#include "simulate/simulation.h"
#include "simulate/trace_reader.h"
#include "support/every_key_store.h"
#include "support/sanitizers.h"
#include "support/shared_data.h"
#include "support/text.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {
namespace {

struct Published {
  std::string spec;      // how users write what the table calls by another name
  double tolerance = 0;  // 0: equal to every digit given
};

const std::map<std::string, Published>& Policies() {
  static const std::map<std::string, Published> kPolicies = {
      {"fifo", {"fifo"}},
      {"lru", {"lru"}},
      {"lfu", {"lfu"}},
      {"lru-2 history=none", {"lru-k:k=2,history=0"}},
      {"lru-2 history=1x", {"lru-k:k=2,history=1"}},
      {"lru-2 history=unbounded", {"lru-k:k=2,history=1e9"}},
      {"lru-3 history=unbounded", {"lru-k:k=3,history=1e9"}},
      {"opt", {"opt"}},
      {"arc", {"arc", 0.0005}},
      {"clock", {"clock", 0.001}},
      {"sieve", {"sieve", 0.005}},
      {"s3-fifo", {"s3-fifo", 0.005}},
      {"2q", {"2q", 0.005}},
      {"slru", {"slru:segments=4,protected=0.75,fill=1", 0.005}},
      {"gdsf", {"gdsf", 0.005}},
      // The authors' stack is practically unbounded. With twice as many ghosts as entries, our
      // default, p3 at 16,384 misses 0.034 less, and the others are within 0.003.
      {"lirs", {"lirs:ghost=5", 0.005}},
  };
  return kPolicies;
}

// Why a row that is not met is not what the paper says.
std::optional<std::string> Wrong(const Reference& reference) {
  const std::string& policy = reference.policy;
  if (policy == "arc" && reference.in_bytes && reference.cache_size > 20'000'000) {
    return "its ghosts are forgotten one an eviction whatever their sizes: T1 and B1 reach 12 "
           "times "
           "the capacity, which the paper bounds at once";
  }
  if (reference.miss_ratio == "1.0000000") {
    return "the first of its queues has a share of the capacity that rounds to no object, and it "
           "refuses all; no paper has that rule";
  }
  return std::nullopt;
}

using RowsByTrace = std::map<std::string, std::vector<Reference>>;

// The rows to check, by trace; of one trace alone when the environment's KVCACHE_TRACE names it.
RowsByTrace ReferencesByTrace(bool in_bytes, std::size_t most_requests) {
  const char* only = std::getenv("KVCACHE_TRACE");
  RowsByTrace by_trace;
  for (const Reference& reference : ReadReferences()) {
    if (only != nullptr && reference.trace != only) continue;
    if (reference.in_bytes != in_bytes || reference.requests > most_requests) continue;
    if (Policies().contains(reference.policy)) by_trace[reference.trace].push_back(reference);
  }
  return by_trace;
}

std::string TracePath(const std::string& name) {
  return (TraceFolder() / (name + ".txt.zst")).string();
}

SimulatedCase CaseOf(const Reference& reference) {
  const std::string& spec = Policies().at(reference.policy).spec;
  if (spec == "opt") return {std::nullopt, reference.cache_size};
  auto policy = ParsePolicy(spec);
  REQUIRE_MESSAGE(policy, Text(policy.error()));
  return {*policy, reference.cache_size};
}

// All rows of one trace, in one pass over it.
std::vector<SimulationResult> SimulateRows(const std::string& trace,
                                           const std::vector<Reference>& rows) {
  const SizeUnit unit = rows.front().in_bytes ? SizeUnit::kBytes : SizeUnit::kObjects;
  std::vector<SimulatedCase> cases;
  for (const Reference& row : rows) cases.push_back(CaseOf(row));
  const auto scan = ScanTrace(TracePath(trace), {}, unit, true, [](std::uint64_t) {});
  REQUIRE_MESSAGE(scan, Text(scan.error()));
  auto results = Simulate(TracePath(trace), cases, {.sizes = unit, .threads = 2}, scan->next_uses);
  REQUIRE_MESSAGE(results, Text(results.error()));
  return *results;
}

void CheckRow(const Reference& row, std::uint64_t misses) {
  const double tolerance = Policies().at(row.policy).tolerance;
  const bool agrees = std::abs(row.Difference(misses)) <= std::max(tolerance, row.Precision());
  const std::optional<std::string> wrong = Wrong(row);
  CHECK_MESSAGE((agrees || wrong),
                row.trace << ", " << row.policy << ", " << row.cache_size
                          << std::string(row.in_bytes ? " bytes: " : " objects: ") << misses
                          << " misses of " << row.requests << ", published " << row.miss_ratio
                          << ", " << wrong.value_or("which should be ours"));
}

void CheckReferences(bool in_bytes) {
  // A sanitizer finds nothing in a long trace that it does not find in a short one.
  const RowsByTrace by_trace = ReferencesByTrace(in_bytes, kSanitized ? 70'000 : ~std::size_t{0});
  if (by_trace.empty()) {
    Skip("no traces in " + TraceFolder().string() + " (or none of that name)");
    return;
  }
  for (const auto& [trace, rows] : by_trace) {
    const std::vector<SimulationResult> results = SimulateRows(trace, rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(results[i].counts.requests == rows[i].requests);
      CheckRow(rows[i], results[i].counts.misses);
    }
  }
}

TEST_CASE("with objects of size 1 miss ratios are the published ones, on every trace") {
  CheckReferences(false);
}

TEST_CASE("so they are with objects that have their size in bytes") { CheckReferences(true); }

std::uint64_t MissesOfCache(const std::string& policy, std::uint64_t entries,
                            const std::vector<std::string>& keys) {
  Options options;
  options.capacity_entries = entries;
  options.shards = 1;
  options.exact_policy = true;
  options.policy = policy;
  auto cache = Cache::Open(options, std::make_unique<EveryKeyStore>());
  REQUIRE_MESSAGE(cache, Text(cache.error()));
  std::string value;
  for (const std::string& key : keys) {
    if (!(*cache)->Get(key, value)) FAIL("a read failed");
  }
  const Stats stats = (*cache)->GetStats();
  CHECK(stats.total.hits + stats.total.misses == keys.size());
  CHECK(stats.total.entries <= entries);
  return stats.total.misses;
}

TEST_CASE(
    "a cache with one shard and exact order misses as the simulator does, whatever its policy") {
  const RowsByTrace by_trace = ReferencesByTrace(false, kSanitized ? 20'000 : 140'000);
  if (by_trace.empty()) {
    Skip("no traces in " + TraceFolder().string() + " (or none of that name)");
    return;
  }
  for (const auto& [trace, rows] : by_trace) {
    std::vector<std::string> keys;
    auto reader = TraceReader::Open(TracePath(trace));
    REQUIRE_MESSAGE(reader, Text(reader.error()));
    for (TraceRequest request; *(*reader)->Next(request);) keys.emplace_back(request.key);
    std::vector<Reference> in_tier;
    for (const Reference& row : rows) {
      if (row.policy != "opt") in_tier.push_back(row);
    }
    const std::vector<SimulationResult> results = SimulateRows(trace, in_tier);
    for (std::size_t i = 0; i < in_tier.size(); ++i) {
      CAPTURE(trace);
      CAPTURE(in_tier[i].policy);
      CAPTURE(in_tier[i].cache_size);
      const std::string& spec = Policies().at(in_tier[i].policy).spec;
      CHECK(MissesOfCache(spec, in_tier[i].cache_size, keys) == results[i].counts.misses);
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
