// Writes of what is in the tier: the new entry takes the old one's place in the policy's order.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "harness.h"
#include "support/random_trace.h"
#include "support/sample_policies.h"
#include "support/scene.h"
#include "tier/memory_tier.h"

namespace kvcache::testing {
namespace {

constexpr std::uint64_t kEntries = 4;

Options FewEntries() {
  Options options;
  options.capacity_entries = kEntries;
  options.shards = 1;
  return options;
}

void PutOthers(Scene& scene, int count) {
  for (int i = 0; i < count; ++i) CHECK(scene.Put("other" + std::to_string(i), "v") == "ok");
}

// A place given to nobody would be one entry less.
void CheckNoPlaceIsLost(Scene& scene) {
  PutOthers(scene, 3 * kEntries);
  CHECK(scene.stats().entries == kEntries);
  const ShardStats stats = scene.stats();
  CHECK(stats.entries == stats.inserts - stats.evictions - stats.invalidations);
}

// Plays `meanwhile` while a Put of "k", which is in the tier, stands before the store.
template <class Meanwhile>
void PutWhile(Scene& scene, Meanwhile&& meanwhile) {
  scene.Warm("k", "old");
  const auto gate = scene.store().Hold(Point::kBeforeWrite, "new");
  Task put = scene.StartPut("k", "new");
  gate->AwaitArrival();
  meanwhile();
  gate->Open();
  CHECK(put.Join() == "ok");
}

// They can be registered once in a process.
void RequireSamplePolicies() {
  static const bool registered = RegisterSamplePolicies().has_value();
  REQUIRE(registered);
}

// A tier whose requests for what is in it are hits, or writes.
struct Requests {
  // Of one seed, since what a policy makes of a key may depend on its hash.
  Requests(std::string_view policy, bool as_writes)
      : writes(as_writes),
        tier({.capacity_entries = 32, .exact_policy = true, .seed = 1}, *ParsePolicy(policy)) {}

  // True when the key was in the tier; it is now.
  bool Request(const std::string& key) {
    const std::uint64_t hash = tier.Hash(key);
    Entry* fresh = tier.NewEntry({hash, key}, "v", false);
    REQUIRE(fresh != nullptr);
    Shard& shard = tier.ShardOf(hash);
    Entry* found = nullptr;
    Entry* withdrawn = nullptr;
    bool linked = false;
    {
      const std::lock_guard lock(shard.mutex());
      found = shard.Find(hash, key);
      if (found != nullptr && !writes) {
        CHECK(tier.HitLocked(hash, *found) == nullptr);
        shard.Repair(1);
      } else {
        withdrawn = tier.Withdraw(shard, hash, key);
        linked = tier.Link(shard, hash, *fresh, withdrawn);
      }
    }
    CHECK(linked == (found == nullptr || writes));
    linked ? void(fresh->Unref()) : MemoryTier::Discard(*fresh);
    if (withdrawn != nullptr && withdrawn->Unref()) FreeEntry(*withdrawn);
    return found != nullptr;
  }

  const bool writes;
  MemoryTier tier;
};

TEST_CASE("a write of what is in the tier counts for its policy as a hit would") {
  RequireSamplePolicies();
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    CAPTURE(policy.name);
    Requests read(policy.name, false);
    Requests written(policy.name, true);
    Random random(Seed());
    int hits = 0;
    for (int i = 0; i < 5000; ++i) {
      CAPTURE(i);
      // Low ones are asked for more often.
      const std::string key = std::to_string(Below(random, 1 + Below(random, 128)));
      const bool hit = read.Request(key);
      REQUIRE(written.Request(key) == hit);
      hits += hit ? 1 : 0;
    }
    CHECK(hits > 1000);
    const std::uint64_t evictions = written.tier.GetStats().total.evictions;
    CHECK(evictions == read.tier.GetStats().total.evictions);
    CHECK(evictions > 1000);
  }
}

TEST_CASE("a write of what is in the tier counts as a hit would, through the cache") {
  RequireSamplePolicies();
  Options options;
  options.capacity_entries = 32;
  options.shards = 1;
  options.exact_policy = true;
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    CAPTURE(policy.name);
    // Which keys its sketch takes for each other depends on a cache's own seed; see above.
    if (policy.name == "w-tinylfu") continue;
    options.policy = policy.name;
    Scene reads(options);
    Scene writes(options);
    for (int i = 0; i < 128; ++i) {
      for (Scene* scene : {&reads, &writes}) scene->PutBehind(std::to_string(i), "v");
    }
    Random random(Seed());
    for (int i = 0; i < 5000; ++i) {
      // Low ones are asked for more often.
      const std::string key = std::to_string(Below(random, 1 + Below(random, 128)));
      if (reads.Look(key) == "v, hit") {
        CHECK(writes.Put(key, "v") == "ok");
      } else if (writes.Look(key) != "v, read") {
        FAIL("request " << i << " hits after writes, not after reads");
      }
    }
    CHECK(writes.stats().evictions == reads.stats().evictions);
    CHECK(writes.stats().writes > 1000);
  }
}

TEST_CASE("what is evicted while it is being written is cached when that has ended") {
  ForEachPolicy(FewEntries(), [](Scene& scene) {
    PutWhile(scene, [&] {
      PutOthers(scene, kEntries - 1);
      CHECK(scene.stats().entries == kEntries - 1);  // one place is the written entry's
      PutOthers(scene, 3 * kEntries);
      CHECK(scene.stats().entries <= kEntries);
    });
    CHECK(scene.Look("k") == "new, hit");
    CHECK(scene.stats().entries <= kEntries);
    CheckNoPlaceIsLost(scene);
  });
}

TEST_CASE("a write that fails, or is crossed, gives the old entry's place up") {
  ForEachPolicy(FewEntries(), [](Scene& scene) {
    scene.Warm("k", "old");
    scene.faults().FailNextWrite();
    CHECK(scene.Put("k", "new") != "ok");
    CHECK(scene.stats().entries == 0);
    CheckNoPlaceIsLost(scene);
  });
  ForEachPolicy(FewEntries(), [](Scene& scene) {
    PutWhile(scene, [&] { CHECK(scene.Put("k", "crossing") == "ok"); });
    CHECK(scene.stats().entries == 0);
    CheckNoPlaceIsLost(scene);
  });
  ForEachPolicy(FewEntries(), [](Scene& scene) {
    PutWhile(scene, [&] { scene.cache().InvalidateAll(); });
    CHECK(scene.stats().entries == 0);
    CheckNoPlaceIsLost(scene);
  });
}

TEST_CASE("policies can be switched, and back, while an entry is being written") {
  ForEachPolicy(FewEntries(), [](Scene& scene) {
    const std::string first = scene.cache().GetStats().policy;
    for (const PolicyInfo& policy : RegisteredPolicies()) {
      CAPTURE(policy.name);
      PutWhile(scene, [&] { CHECK(Text(scene.cache().SetPolicy(policy.name)) == "ok"); });
      CHECK(scene.Look("k") == "new, hit");
      CHECK(Text(scene.cache().SetPolicy(first)) == "ok");
      CheckNoPlaceIsLost(scene);
      scene.cache().InvalidateAll();
    }
  });
}

TEST_CASE("the capacity can be changed while an entry is being written") {
  ForEachPolicy(FewEntries(), [](Scene& scene) {
    PutWhile(scene, [&] { CHECK(Text(scene.cache().SetCapacity(0)) == "ok"); });
    CHECK(scene.stats().entries == 0);
    CHECK(Text(scene.cache().SetCapacity(1 << 20)) == "ok");
    PutWhile(scene, [&] { CHECK(Text(scene.cache().SetCapacityEntries(kEntries)) == "ok"); });
    CHECK(scene.Look("k") == "new, hit");
    CheckNoPlaceIsLost(scene);
  });
}

TEST_CASE("a value that is held outlives its key's next write, of whatever size") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("k", "old");
    const auto held = scene.cache().Get("k");
    for (const std::size_t size : {1UZ, 100'000UZ, 3UZ, 500UZ}) {
      const std::string value(size, 'x');
      CHECK(scene.Put("k", value) == "ok");
      CHECK(scene.Look("k") == value + ", hit");
    }
    CHECK(Text(held) == "old");
    CHECK(scene.stats().entries == 1);
    scene.cache().InvalidateAll();
    CHECK(scene.stats().bytes == 0);
  });
}

}  // namespace
}  // namespace kvcache::testing
