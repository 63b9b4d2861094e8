// The memory tier in earnest, with many shards, a capacity in bytes, marks by ticks, bounded
// repairs and evictions in batches, against the simulator: what kvtool simulate promises, a cache
// keeps.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "cache/protocol.h"
#include "harness.h"
#include "kvcache/stats.h"
#include "simulate/lane.h"
#include "simulate/simulated_shard.h"
#include "simulate/trace_reader.h"
#include "support/random_trace.h"
#include "support/sanitizers.h"
#include "support/shared_data.h"
#include "support/text.h"
#include "tier/admission.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kValueBytes = 1000;
constexpr std::size_t kShards = 16;
constexpr std::uint64_t kHashSeed = 0;  // the simulator's

#ifdef __OPTIMIZE__
constexpr bool kSlow = kSanitized;
#else
constexpr bool kSlow = true;  // ten times as slow, where coverage is counted too
#endif

// Has every key, with values of one size.
class EqualValuesStore final : public Store {
 public:
  Result<bool> Get(std::string_view, const Receiver& receive) override {
    receive(value_);
    return true;
  }
  Result<void> Write(const Batch&, const WriteOptions&) override { return {}; }
  Result<void> Scan(const ScanOptions&, const ScanVisitor&) override { return {}; }

 private:
  const std::string value_ = std::string(kValueBytes, 'v');
};

struct TierResult {
  double miss_ratio = 0;
  std::uint64_t entries = 0;  // that the tier came to hold
};

using Keys = std::vector<std::string>;

// The tier deals keys out to shards as the simulator does. The threads take requests in turn.
TierResult RunTier(const Options& options, const Keys& keys, std::size_t threads) {
  Protocol cache(options, *ParsePolicy(options.policy), std::make_unique<EqualValuesStore>(),
                 nullptr, kHashSeed);
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    std::string value;
    for (std::size_t i = next++; i < keys.size(); i = next++) {
      if (!cache.Get(keys[i], value)) FAIL("a read failed");
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back(run);
    run();
  }
  const ShardStats total = cache.GetStats().total;
  CHECK(total.hits + total.misses == keys.size());
  return {static_cast<double>(total.misses) / static_cast<double>(keys.size()), total.entries};
}

Options OptionsFor(const std::string& policy) {
  Options options;
  options.policy = policy;
  options.shards = kShards;
  return options;
}

// A tier of bytes, as kvtool simulate --shards has it.
double SimulateTier(const PolicySpec& policy, std::uint64_t entries, const Keys& keys) {
  Lane lane({policy, entries, kShards}, SizeUnit::kObjects, {});
  std::vector<SimulatedRequest> requests;
  for (const std::string& key : keys) requests.push_back({HashKey(key, kHashSeed), 1});
  lane.Run(requests, 0);
  return lane.result().counts.miss_ratio();
}

// Where entries are counted, each shard is a cache of its own, of which one leaves for one.
struct ShardOfEntries {
  explicit ShardOfEntries(const PolicySpec& policy)
      : objects([&policy](const PolicyContext& context) { return policy.Make(context); }, false) {}

  SimulatedShard objects;
  ShardStats counters;
  Admission admission;
};

double SimulateShards(const PolicySpec& policy, std::uint64_t entries, const Keys& keys) {
  std::vector<std::unique_ptr<ShardOfEntries>> shards;
  for (std::size_t i = 0; i < kShards; ++i) {
    shards.push_back(std::make_unique<ShardOfEntries>(policy));
    shards.back()->objects.policy().SetCapacity(entries / kShards);
  }
  std::size_t misses = 0;
  for (const std::string& key : keys) {
    const std::uint64_t hash = HashKey(key, kHashSeed);
    auto& [objects, counters, admission] = *shards[hash % kShards];
    if (objects.Hit(hash)) {
      ++counters.hits;
      continue;
    }
    ++misses;
    ++counters.misses;
    if (!admission.Admits(counters, [&counts = counters] { return counts.hits; })) continue;
    const std::uint32_t number = objects.Admit(hash, 1);
    for (; objects.objects() >= entries / kShards; ++counters.evictions) objects.Evict();
    objects.Insert(number);
  }
  return static_cast<double>(misses) / static_cast<double>(keys.size());
}

Keys ReadKeys(const std::filesystem::path& path) {
  Keys keys;
  auto reader = TraceReader::Open(path.string());
  REQUIRE_MESSAGE(reader, Text(reader.error()));
  for (TraceRequest request; *(*reader)->Next(request);) keys.emplace_back(request.key);
  return keys;
}

struct NamedKeys {
  std::string name;
  Keys keys;
};

// Where a tier hits hardly anything, it caches one miss in sixteen. In a loop of twice the tier it
// hits and thrashes by turns, which the order among threads is enough to change.
Keys Loop(std::size_t length) {
  Keys keys;
  for (std::size_t i = 0; i < 200'000; ++i) keys.push_back(std::to_string(i % length));
  return keys;
}

// Hot keys, and by turns those that are asked for once.
Keys Scans(Random& random) {
  const Zipf zipf(3'000, 0.9);
  Keys keys;
  for (std::size_t i = 0; i < 240'000; ++i) {
    const bool hot = i % 60'000 < 20'000;
    keys.push_back(hot ? std::to_string(zipf(random)) : "once " + std::to_string(i));
  }
  return keys;
}

std::vector<NamedKeys> Traces() {
  std::vector<NamedKeys> traces;
  const std::filesystem::path own = std::filesystem::path(KVCACHE_SOURCE_DIR) / "data";
  for (const char* name : {"dependency_walk", "sql_pages"}) {
    traces.push_back({name, ReadKeys(own / (std::string(name) + ".txt.zst"))});
    if (kSlow) return traces;  // more find nothing more, and take minutes
  }
  Random random(Seed());
  const Zipf zipf(20'000, 0.9);
  Keys keys;
  for (std::size_t i = 0; i < 200'000; ++i) {
    keys.push_back(std::to_string((zipf(random) + i / 100) % 20'000));  // popularity drifts
  }
  traces.push_back({"zipf with drift", std::move(keys)});
  traces.push_back({"a long loop", Loop(20'000)});
  traces.push_back({"scans", Scans(random)});
  for (const char* name : {"web07", "lirs_sprite", "corda_vault", "oltp"}) {
    const auto path = TraceFolder() / (std::string(name) + ".txt.zst");
    if (std::filesystem::exists(path)) traces.push_back({name, ReadKeys(path)});
  }
  return traces;
}

// W-TinyLFU's window climbs by what its shard alone sees: small differences lead to other sizes.
double Tolerance(const PolicyInfo& policy, double tolerance) {
  return tolerance + (policy.name == "w-tinylfu" ? 0.01 : 0);
}

void CheckTierOfBytes(const NamedKeys& trace, double tolerance) {
  for (const std::uint64_t entries : {1'500U, 5'000U}) {
    for (const PolicyInfo& policy : RegisteredPolicies()) {
      CAPTURE(trace.name);
      CAPTURE(policy.name);
      Options options = OptionsFor(policy.name);
      options.capacity = entries * (kValueBytes + 100);
      const TierResult tier = RunTier(options, trace.keys, 1);
      const double simulated = SimulateTier(*ParsePolicy(policy.name), tier.entries, trace.keys);
      CAPTURE(tier.entries);
      CAPTURE(tier.miss_ratio);
      CAPTURE(simulated);
      CHECK(tier.entries > 1000);
      CHECK(std::abs(tier.miss_ratio - simulated) < Tolerance(policy, tolerance));
    }
  }
}

TEST_CASE("a tier of bytes with many shards hits as the simulator says") {
  for (const NamedKeys& trace : Traces()) CheckTierOfBytes(trace, 0.01);
}

TEST_CASE("and in a loop of two to seven times the tier") {
  CheckTierOfBytes({"a loop", Loop(10'000)}, 0.02);
}

TEST_CASE("so does one of entries, with eight threads") {
  constexpr std::uint64_t kEntries = 4'000;
  for (const NamedKeys& trace : Traces()) {
    for (const PolicyInfo& policy : RegisteredPolicies()) {
      CAPTURE(trace.name);
      CAPTURE(policy.name);
      Options options = OptionsFor(policy.name);
      options.capacity_entries = kEntries;
      const TierResult tier = RunTier(options, trace.keys, 8);
      const double simulated = SimulateShards(*ParsePolicy(policy.name), kEntries, trace.keys);
      CAPTURE(tier.miss_ratio);
      CAPTURE(simulated);
      CHECK(std::abs(tier.miss_ratio - simulated) < Tolerance(policy, 0.02));
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
