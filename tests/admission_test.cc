// Which misses are cached: all, but where hardly anything is hit, or they cost hardly anything.
#include "tier/admission.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <utility>

#include "harness.h"
#include "kvcache/cache.h"
#include "support/every_key_store.h"
#include "support/scene.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

// Misses a shard, one after the other, with so many hits and evictions for each thousand.
struct Lookups {
  Admission admission;
  ShardStats counters;
  std::uint64_t hits = 0;
  int cheap = 0;  // to be cached even if they cost next to nothing

  // How many were to be cached.
  int Miss(int count, std::uint64_t hits_of_1024, bool full) {
    int admitted = 0;
    for (int i = 0; i < count; ++i) {
      ++counters.misses;
      if (counters.misses % 1024 == 0) hits += hits_of_1024;
      if (full) ++counters.evictions;
      if (admission.Admits(counters, [&] { return hits; })) ++admitted;
      if (admission.AdmitsCheap(counters)) ++cheap;
    }
    return admitted;
  }
};

TEST_CASE("admission: a shard with room caches all, whether it hits anything or not") {
  Lookups lookups;
  CHECK(lookups.Miss(10'000, 0, false) == 10'000);
}

TEST_CASE("admission: a full shard caches all as long as one lookup in 256 hits") {
  Lookups lookups;
  CHECK(lookups.Miss(10'240, 4, true) == 10'240);
}

TEST_CASE(
    "admission: a full shard that hits nothing caches one miss in 16, until it hits or has "
    "room again") {
  Lookups lookups;
  CHECK(lookups.Miss(1024, 0, true) > 1000);
  CHECK(lookups.Miss(10'240, 3, true) == 10'240 / 16);
  lookups.Miss(1024, 4, true);
  CHECK(lookups.Miss(1023, 4, true) == 1023);
  lookups.Miss(10'240, 0, true);
  CHECK(lookups.Miss(1600, 0, true) == 100);
  lookups.Miss(2048, 0, false);
  CHECK(lookups.Miss(1023, 0, false) == 1023);
}

TEST_CASE(
    "admission: of misses that cost nothing a full shard caches one in 16, whatever it hits") {
  Lookups lookups;
  lookups.Miss(10'240, 512, false);
  CHECK(lookups.cheap == 10'240);
  lookups.Miss(1024, 512, true);
  lookups.cheap = 0;
  CHECK(lookups.Miss(10'240, 512, true) == 10'240);
  CHECK(lookups.cheap == 10'240 / 16);
  lookups.Miss(2048, 512, false);
  lookups.cheap = 0;
  lookups.Miss(1023, 512, false);
  CHECK(lookups.cheap == 1023);
}

class Reader {
 public:
  explicit Reader(bool exact = false) {
    Options options;
    options.capacity_entries = 1000;
    options.shards = 1;
    options.exact_policy = exact;
    auto cache = Cache::Open(options, std::make_unique<EveryKeyStore>());
    REQUIRE_MESSAGE(cache, Text(cache.error()));
    cache_ = *std::move(cache);
  }

  void Read(std::uint64_t key) { REQUIRE(cache_->Get(std::to_string(key))); }
  // Keys that nobody asked for before, nor will again.
  void Scan(int count) {
    for (int i = 0; i < count; ++i) Read(++fresh_);
  }
  ShardStats stats() const { return cache_->GetStats().total; }

 private:
  std::unique_ptr<Cache> cache_;
  std::uint64_t fresh_ = std::uint64_t{1} << 32;
};

TEST_CASE("keys that are asked for once only are hardly cached, when they are all there is") {
  Reader reader;
  reader.Scan(10'000);
  const ShardStats before = reader.stats();
  reader.Scan(16'000);
  const ShardStats after = reader.stats();
  CHECK(after.loads - before.loads == 16'000);
  CHECK(after.inserts - before.inserts == 1000);
  CHECK(after.rejections - before.rejections == 15'000);
}

TEST_CASE("what is asked for again is found soon after it was not") {
  Reader reader;
  reader.Scan(20'000);
  std::mt19937_64 random(Seed());
  for (int i = 0; i < 20'000; ++i) reader.Read(random() % 500);
  const ShardStats before = reader.stats();
  for (int i = 0; i < 10'000; ++i) reader.Read(random() % 500);
  CHECK(reader.stats().hits - before.hits > 9900);
}

// Three new keys to each hot one: lru would have forgotten every hot key by its next turn.
TEST_CASE("keys that are asked for once only do not push out those that are asked for again") {
  constexpr std::uint64_t kHot = 500;
  Reader reader;
  const auto hits = [&reader](int new_keys) {
    const std::uint64_t before = reader.stats().hits;
    for (std::uint64_t key = 0; key < kHot; ++key) {
      reader.Read(key);
      reader.Scan(new_keys);
    }
    return reader.stats().hits - before;
  };
  for (int warming = 0; warming < 4; ++warming) hits(0);
  for (int round = 0; round < 20; ++round) CHECK(hits(3) >= kHot * 99 / 100);
}

Options FewEntries() {
  Options options;
  options.capacity_entries = 100;
  options.shards = 1;
  return options;
}

// A cache that has only missed, a multiple of 16 times: of the next 15 misses it caches none.
class UselessTier : public Scene {
 public:
  UselessTier() : Scene(FewEntries()) {
    constexpr int kMisses = 4096;
    for (int i = 0; i < kMisses; ++i) {
      const std::string key = "cold " + std::to_string(i);
      PutBehind(key, "v");
      CHECK(Look(key) == "v, read");
    }
  }
};

TEST_CASE("misses that are not to be cached count as others do, but are not timed") {
  UselessTier scene;
  scene.PutBehind("k", "v");
  const Stats before = scene.cache().GetStats();
  CHECK(scene.Look("k") == "v, read");
  CHECK(Text(scene.cache().Get("nothing")) == kAbsent);
  scene.faults().FailNextRead();
  CHECK_FALSE(scene.cache().Get("k").has_value());
  scene.faults().FailNextRead(Fault::kBadAlloc);
  CHECK_THROWS_AS((void)scene.cache().Get("k"), std::bad_alloc);

  const Stats window = scene.cache().GetStats() - before;
  CHECK(window.total.misses == 4);
  CHECK(window.total.loads == 4);
  CHECK(window.total.rejections == 1);
  CHECK(window.total.absent == 1);
  CHECK(window.total.load_errors == 2);
  CHECK(window.total.inserts == 0);
  CHECK(window.load_latency.count() == 0);
  CHECK(window.total.load_nanoseconds == 0);
}

TEST_CASE("misses that are not to be cached share one load, and leave nothing stale behind") {
  UselessTier scene;
  scene.PutBehind("k", "old");
  const auto gate = scene.store().Hold(Point::kAfterRead, "k");
  Task first = scene.StartGet("k");
  gate->AwaitArrival();
  Task second = scene.StartGet("k");
  CHECK(second.AwaitBlocked());
  CHECK(scene.Put("k", "new") == "ok");
  CHECK(scene.Look("k") == "new, hit");
  gate->Open();
  CHECK(first.Join() == "old, read");
  CHECK(second.Join() == "old, read");
  CHECK(scene.Look("k") == "new, hit");
}

TEST_CASE("in exact order everything is cached") {
  Reader reader(true);
  reader.Scan(20'000);
  CHECK(reader.stats().inserts == 20'000);
}

}  // namespace
}  // namespace kvcache::testing
