// Counters: what they say must add up, whatever happened.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "support/random_trace.h"
#include "support/scene.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

void Add(ShardStats& sum, const ShardStats& part) {
  for (auto field : {&ShardStats::hits, &ShardStats::misses, &ShardStats::absent,
                     &ShardStats::loads, &ShardStats::shared_loads, &ShardStats::load_errors,
                     &ShardStats::stale_loads, &ShardStats::load_nanoseconds, &ShardStats::inserts,
                     &ShardStats::evictions, &ShardStats::rejections, &ShardStats::writes,
                     &ShardStats::invalidations, &ShardStats::entries, &ShardStats::bytes}) {
    sum.*field += part.*field;
  }
  sum.longest_probe = std::max(sum.longest_probe, part.longest_probe);
}

// What must hold at any moment of quiet.
void CheckIdentities(const Stats& stats) {
  ShardStats sum;
  for (const ShardStats& shard : stats.shards) Add(sum, shard);
  CHECK(sum == stats.total);
  const ShardStats& total = stats.total;
  CHECK(total.misses == total.loads + total.shared_loads);
  CHECK(total.entries == total.inserts - total.evictions - total.invalidations);
  CHECK(stats.load_latency.count() <= total.loads);
  if (!stats.capacity_in_entries) CHECK(total.bytes <= stats.capacity);
}

TEST_CASE("each call counts what it should, and nothing else") {
  ForEachPolicy([](Scene& scene) {
    Cache& cache = scene.cache();
    scene.PutBehind("a", "1");
    scene.PutBehind("b", "2");
    CHECK(scene.Look("a") == "1, read");
    CHECK(scene.Look("a") == "1, hit");
    std::string value;
    CHECK(Text(cache.Get("a", value)) == "yes");
    CHECK(Text(cache.Get("b", value)) == "yes");
    CHECK(scene.Look("x") == kAbsent);
    CHECK(LookAtAll(cache, {"a", "b", "x"}) == "1, hit; 2, hit; (absent)");
    const Stats stats = cache.GetStats();
    CHECK(stats.total.hits == 4);
    CHECK(stats.total.misses == 4);
    CHECK(stats.total.absent == 2);
    CHECK(stats.total.loads == 4);
    CHECK(stats.total.inserts == 2);
    CHECK(stats.total.writes == 0);
    CHECK(stats.hit_ratio() == doctest::Approx(0.5));
    CHECK(stats.load_latency.count() == 4);
    CHECK(stats.total.load_nanoseconds > 0);
    CheckIdentities(stats);
    CHECK(LookAtAll(cache, {"y", "z"}) == "(absent); (absent)");
    CHECK(scene.stats().loads == 6);
    CHECK(cache.GetStats().load_latency.count() == 5);  // one read of the store
  });
}

TEST_CASE("GetOrCompute is one lookup, and one more when it computes") {
  ForEachPolicy([](Scene& scene) {
    const auto lookups = [&scene] { return scene.stats().hits + scene.stats().misses; };
    const auto compute = [] { return Result<std::string>("computed"); };
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "computed");
    CHECK(lookups() == 2);
    CHECK(scene.stats().misses == 2);
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "computed");
    CHECK(lookups() == 3);
    CHECK(scene.stats().hits == 1);
    scene.PutBehind("j", "stored");
    CHECK(Text(scene.cache().GetOrCompute("j", compute)) == "stored");
    CHECK(lookups() == 4);
    CheckIdentities(scene.cache().GetStats());
  });
}

TEST_CASE("GetOrCompute is one lookup more for each further look") {
  ForEachPolicy([](Scene& scene) {
    Cache& cache = scene.cache();
    Gate gate;
    const auto compute = [&gate] { return gate.Pass(), Result<std::string>("computed"); };
    const auto start = [&](const std::string& key) {
      return Task([&, key] { return Text(cache.GetOrCompute(key, compute)); });
    };
    const auto check = [&](std::uint64_t hits, std::uint64_t misses) {
      CHECK(scene.stats().hits == hits);
      CHECK(scene.stats().misses == misses);
    };
    Task first = start("k");
    gate.AwaitArrival();
    Task waiter = start("k");
    CHECK(waiter.AwaitBlocked());
    check(0, 3);
    CHECK(scene.Put("k", "new") == "ok");  // after which the first looks again, and then the waiter
    gate.Open();
    CHECK(first.Join() == "new");
    CHECK(waiter.Join() == "new");
    check(1, 4);

    const auto look = scene.store().Hold(Point::kAfterRead, "l");
    Task overtaken = start("l");
    look->AwaitArrival();
    CHECK(scene.Put("l", "new") == "ok");
    look->Open();
    CHECK(overtaken.Join() == "new");
    check(2, 5);
    CheckIdentities(cache.GetStats());
  });
}

TEST_CASE("writes count their keys, invalidations the entries they drop") {
  ForEachPolicy([](Scene& scene) {
    Cache& cache = scene.cache();
    CHECK(scene.Put("a", "1") == "ok");
    CHECK(scene.Put("a", "2") == "ok");  // drops one entry
    Batch batch;
    batch.Put("b", "1");
    batch.Put("c", "1");
    batch.Delete("a");  // drops one
    CHECK(Text(cache.Write(batch)) == "ok");
    CHECK(cache.GetStats().total.writes == 5);
    CHECK(cache.GetStats().total.invalidations == 2);
    CHECK(cache.GetStats().total.inserts == 4);
    cache.Invalidate("b");
    cache.Invalidate("b");
    cache.Invalidate("x");
    CHECK(cache.GetStats().total.invalidations == 3);
    cache.InvalidateAll();
    CHECK(cache.GetStats().total.invalidations == 4);
    CHECK(cache.GetStats().write_latency.count() == 3);
    CheckIdentities(cache.GetStats());
  });
}

TEST_CASE("a window is the later snapshot less the earlier one") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("a", "1");
    CHECK(scene.Look("a") == "1, read");
    const Stats earlier = scene.cache().GetStats();
    for (int i = 0; i < 3; ++i) CHECK(scene.Look("a") == "1, hit");
    CHECK(scene.Look("x") == kAbsent);
    const Stats window = scene.cache().GetStats() - earlier;
    CHECK(window.total.hits == 3);
    CHECK(window.total.misses == 1);
    CHECK(window.total.inserts == 0);
    CHECK(window.total.entries == 1);  // a gauge
    CHECK(window.hit_ratio() == doctest::Approx(0.75));
    CHECK(window.load_latency.count() == 1);
  });
}

TEST_CASE("bytes cover keys and values, stay within the capacity, and go back to 0") {
  ForEachPolicy(Capacity(std::uint64_t{16} << 20, 4), [](Scene& scene) {
    const std::string value(500, 'v');
    for (int i = 0; i < 5000; ++i) CHECK(scene.Put("key" + std::to_string(i), value) == "ok");
    Stats stats = scene.cache().GetStats();
    CHECK(stats.total.entries == 5000);
    CHECK(stats.total.bytes >= 5000 * value.size());
    CHECK(stats.total.bytes <= stats.memory_bytes);
    CHECK(stats.memory_bytes <= stats.capacity);
    CHECK(scene.Put("key0", value + "longer") == "ok");
    CHECK(scene.stats().entries == 5000);
    scene.cache().InvalidatePrefix("key");
    stats = scene.cache().GetStats();
    CHECK(stats.total.entries == 0);
    CHECK(stats.total.bytes == 0);
  });
}

// Entries counted by asking for every key there is.
std::uint64_t CountHits(Cache& cache, int keys) {
  std::uint64_t hits = 0;
  for (int i = 0; i < keys; ++i) hits += Look(cache, std::to_string(i)).ends_with("hit") ? 1 : 0;
  return hits;
}

TEST_CASE("counters add up after thousands of random calls, and entries are those that hit") {
  constexpr int kKeys = 3000;
  ForEachPolicy(Capacity(std::uint64_t{1} << 20, 4), [](Scene& scene) {
    Random random(Seed());
    Cache& cache = scene.cache();
    std::uint64_t lookups = 0;
    for (int i = 0; i < 30'000; ++i) {
      const std::string key = std::to_string(Below(random, kKeys));
      const std::string next = std::to_string(Below(random, kKeys));
      const std::uint32_t what = Below(random, 100);
      if (what < 50) {
        lookups += cache.Get(key) ? 1 : 0;
      } else if (what < 60) {
        lookups += cache.MultiGet(std::vector<std::string_view>{key, next, key}).size();
      } else if (what < 90) {
        if (!cache.Put(key, std::string(Below(random, 2000), 'v'))) FAIL("Put");
      } else if (what < 95) {
        if (!cache.Delete(key)) FAIL("Delete");
      } else if (what < 98) {
        cache.Invalidate(key);
      } else if (what < 99) {
        if (!cache.DeleteRange(key, key + "9")) FAIL("DeleteRange");
      } else if (!cache.SetCapacity((1 + Below(random, 4)) * (std::uint64_t{1} << 18))) {
        FAIL("SetCapacity");
      }
    }
    Stats stats = cache.GetStats();
    CHECK(stats.total.hits + stats.total.misses == lookups);
    CHECK(stats.total.evictions > 0);
    CheckIdentities(stats);
    CHECK(Text(cache.SetCapacity(std::uint64_t{64} << 20)) == "ok");  // so that reads evict nothing
    const std::uint64_t entries = cache.GetStats().total.entries;
    CHECK(CountHits(cache, kKeys) == entries);
  });
}

}  // namespace
}  // namespace kvcache::testing
