// What MemorySplit makes of reads of the store.
#include "cache/memory_split.h"

#include <doctest/doctest.h>
#include <rocksdb/cache.h>
#include <rocksdb/table.h>

#include <cstddef>
#include <cstdint>

#include "kvcache/options.h"
#include "store/rocksdb_block_cache.h"
#include "store/rocksdb_setup.h"
#include "tier/memory_tier.h"
#include "tier/policy_registry.h"

namespace kvcache {
namespace {

constexpr std::uint64_t kKeyTime = 5'000;      // nanoseconds, with the block in memory
constexpr std::uint64_t kBlockTime = 100'000;  // and for reading it
constexpr int kLoads = 100'000;

class Scene {
 public:
  // Loads of a key each, of which one in so many reads a block.
  void Load(int one_in) {
    for (int i = 0; i < kLoads; ++i) split_.Loaded(LoadOf(i % one_in == 0 ? 1 : 0, 0), tier_);
  }
  // Nanoseconds that a larger tier is thought to save with one load of a block.
  std::uint64_t SavedWithABlock() {
    const std::uint64_t before = split_.GetStats().tier_saving_nanoseconds;
    split_.Loaded(LoadOf(1, 1), tier_);
    return split_.GetStats().tier_saving_nanoseconds - before;
  }
  void Load(const MemorySplit::Load& load) { split_.Loaded(load, tier_); }

  // Bytes of an entry, by how many of them a larger tier is thought to have more.
  double EntryBytes() {
    constexpr double kSampled = 8192;  // of the ghost's places those that it fills
    const double reach = static_cast<double>(SplitRule::Reach(MemorySplit::CacheBytes(kBudget)));
    return reach / (split_.ghost()->KeysForOne() * kSampled);
  }
  BlockCache& block_cache() { return *split_.block_cache(); }
  SplitStats stats() { return split_.GetStats(); }

 private:
  static MemorySplit::Load LoadOf(std::uint64_t blocks, double returned) {
    return {.keys = 1,
            .nanoseconds = kKeyTime + blocks * kBlockTime,
            .blocks = {.blocks = blocks},
            .returned = returned,
            .noise = returned};
  }

  static constexpr std::uint64_t kBudget = std::uint64_t{8} << 30;

  MemorySplit split_{{.memory_budget = kBudget}};
  MemoryTier tier_{{.capacity = split_.tier_bytes()}, *ParsePolicy("lru")};
};

TEST_CASE("a get spared spares its block when no other get needs that") {
  Scene scene;
  scene.Load(1);
  CHECK(scene.SavedWithABlock() == doctest::Approx(kKeyTime + kBlockTime).epsilon(0.05));
}

TEST_CASE("a block that serves five gets is read once less for one get in five that is spared") {
  Scene scene;
  scene.Load(5);
  CHECK(scene.SavedWithABlock() == doctest::Approx(kKeyTime + kBlockTime / 5.0).epsilon(0.15));
  // It learns anew.
  scene.Load(1);
  CHECK(scene.SavedWithABlock() == doctest::Approx(kKeyTime + kBlockTime).epsilon(0.05));
}

// Each 16th load was learned from, which were all of one kind.
TEST_CASE("loads of two kinds by turns are both learned from") {
  Scene scene;
  scene.Load(2);
  CHECK(scene.SavedWithABlock() == doctest::Approx(kKeyTime + kBlockTime / 2.0).epsilon(0.15));
}

// Blocks seemed to cost nothing, and were given no memory: a key was thought to take all that time.
TEST_CASE("a key takes no longer than a load that reads a block beside it") {
  Scene scene;
  for (int i = 0; i < kLoads; ++i) {
    const auto nanoseconds = static_cast<std::uint64_t>(1000 * (1 + i / 16 % 3));
    scene.Load({.keys = 1, .nanoseconds = nanoseconds, .blocks = {.blocks = 1}});
  }
  CHECK(scene.stats().key_nanoseconds < 1500);
  CHECK(scene.stats().block_nanoseconds > 500);
}

TEST_CASE("a few large entries among many small ones count with all their bytes") {
  Scene scene;
  for (int i = 0; i < kLoads; ++i) {
    scene.Load({.keys = 1,
                .nanoseconds = kKeyTime,
                .found = 1,
                .bytes = i % 100 == 0 ? std::uint64_t{1'000'000} : 100});
  }
  CHECK(scene.EntryBytes() == doctest::Approx(10'099).epsilon(0.5));
}

TEST_CASE("keys that are absent do not make entries small") {
  Scene scene;
  for (int i = 0; i < kLoads; ++i) {
    scene.Load({.keys = 10, .nanoseconds = 10 * kKeyTime, .found = 1, .bytes = 1000});
  }
  CHECK(scene.EntryBytes() == doctest::Approx(1000).epsilon(0.1));
}

// As RocksDB does, a block of 4 KiB.
void InsertBlock(const BlockCache& cache) {
  Setup setup;
  setup.families.emplace_back();
  UseBlockCache(setup, cache);
  const auto& factory = setup.families[0].options.table_factory;
  const auto* table = factory->GetOptions<rocksdb::BlockBasedTableOptions>();
  static const rocksdb::Cache::CacheItemHelper kHelper(nullptr, nullptr, [](const auto&, void*) {});
  static int block = 0;
  REQUIRE(table->block_cache->Insert("block", &block, &kHelper, 4096).ok());
}

TEST_CASE("where half of the entries are large, gets fill the block cache or do not, and stay so") {
  Scene scene;
  InsertBlock(scene.block_cache());
  bool filled = true;
  int changes = 0;
  const auto load = [&](std::uint64_t bytes) {
    scene.Load({.keys = 1, .nanoseconds = kKeyTime, .found = 1, .bytes = bytes});
    if (scene.block_cache().filled_by_gets() == filled) return;
    filled = !filled;
    ++changes;
  };
  for (int i = 0; i < kLoads; ++i) load(i % 2 == 0 ? 100 : 3000);
  CHECK(changes <= 1);
  for (int i = 0; i < kLoads; ++i) load(3000);
  CHECK_FALSE(filled);
  for (int i = 0; i < kLoads; ++i) load(i % 2 == 0 ? 100 : 3000);
  CHECK_FALSE(filled);
  for (int i = 0; i < kLoads; ++i) load(100);
  CHECK(filled);
}

TEST_CASE("what a larger block cache would miss more is taken off what it would save") {
  Scene scene;
  for (int i = 0; i < 1000; ++i) {
    const double returned = i % 2 == 0 ? 1.0 : -1.0;
    scene.Load({.keys = 1,
                .nanoseconds = kKeyTime + kBlockTime,
                .blocks = {.blocks = 1, .returned = returned, .noise = 1}});
  }
  const std::uint64_t saved = scene.stats().block_saving_nanoseconds;
  CHECK(saved > 0);
  CHECK(saved < 20 * kBlockTime);
}

}  // namespace
}  // namespace kvcache
