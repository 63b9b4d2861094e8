// One budget for the tier and RocksDB's block cache: what is refused, what is kept to, and who gets
// the memory under workloads that leave no doubt.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/options_util.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "store/shadow_slru.h"
#include "support/rocksdb_db.h"
#include "support/temp_folder.h"

namespace kvcache::testing {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kRecords = 60'000;
constexpr std::uint64_t kBudget = 2 * kMiB;

std::string KeyOf(std::uint64_t i) { return fmt::format("{:08}", i * 7919 % kRecords); }

// 8 MiB of pairs in table files.
void Fill(const std::string& path) {
  rocksdb::Options options;
  options.compression = rocksdb::kNoCompression;
  const auto db = OpenForeign(path, options);
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    CheckOk(db->Put({}, KeyOf(i), KeyOf(i) + std::string(120, 'v')));
  }
  CheckOk(db->Flush({}));
}

std::unique_ptr<Cache> OpenWith(Options options, const std::string& path) {
  options.path = path;
  auto cache = Cache::Open(options);
  REQUIRE_MESSAGE(cache.has_value(), cache.error().message);
  return *std::move(cache);
}

void CheckGet(Cache& cache, std::uint64_t i) {
  const auto value = cache.Get(KeyOf(i));
  REQUIRE(value.has_value());
  REQUIRE(value->has_value());
  REQUIRE((*value)->view().substr(0, 8) == KeyOf(i));
}

void CheckWithin(const Cache& cache, std::uint64_t budget) {
  const Stats stats = cache.GetStats();
  CHECK(stats.split.budget_bytes == budget);
  CHECK(stats.split.memtable_bytes + stats.split.tier_bytes + stats.split.block_cache_bytes <=
        budget);
  // What the tier has given up is still pinned in the block cache, or the other way round, for as
  // long as a move takes.
  CHECK(stats.memory_bytes + stats.split.block_cache_used_bytes <=
        budget - stats.split.memtable_bytes + budget / 16);
}

double TierShare(const Cache& cache) {
  const SplitStats split = cache.GetStats().split;
  return static_cast<double>(split.tier_bytes) /
         static_cast<double>(split.budget_bytes - split.memtable_bytes);
}

TEST_CASE("what makes no sense is refused") {
  const TempFolder dir;
  const auto why = [&](Options options) {
    options.path = dir.path();
    const auto cache = Cache::Open(options);
    REQUIRE_FALSE(cache.has_value());
    CHECK(cache.error().code == ErrorCode::kInvalidArgument);
    return cache.error().message;
  };
  CHECK(why({.capacity_entries = 5, .memory_budget = kMiB}).find("capacity_entries") !=
        std::string::npos);
  CHECK(why({.memory_budget = kMiB, .tier_share = 1.5}).find("tier_share = 1.5") !=
        std::string::npos);
  CHECK(why({.memory_budget = kMiB, .tier_share = std::nan("")}).find("tier_share = nan") !=
        std::string::npos);
  CHECK(why({.tier_share = 0.5}).find("memory_budget") != std::string::npos);
  const auto over_own = Cache::Open({.memory_budget = kMiB}, MakeMemoryStore());
  REQUIRE_FALSE(over_own.has_value());
  CHECK(over_own.error().message.find("memory_budget") != std::string::npos);

  const auto cache = OpenWith({.memory_budget = kMiB}, dir.path());
  CHECK(cache->SetCapacity(5).error().message.find("SetMemoryBudget") != std::string::npos);
  CHECK(cache->SetCapacityEntries(5).error().message.find("SetMemoryBudget") != std::string::npos);
  CHECK(cache->SetMemoryBudget(0).error().code == ErrorCode::kInvalidArgument);
  const auto without = Cache::Open({}, MakeMemoryStore());
  CHECK((*without)->SetMemoryBudget(5).error().message.find("SetCapacity") != std::string::npos);
  CHECK((*without)->GetStats().split.budget_bytes == 0);
}

TEST_CASE("a fixed share stays") {
  const TempFolder dir;
  Fill(dir.path());
  for (const double share : {0.0, 0.25, 1.0}) {
    const auto cache = OpenWith({.memory_budget = kBudget, .tier_share = share}, dir.path());
    std::mt19937_64 random(1);
    for (std::uint64_t i = 0; i < 20'000; ++i) CheckGet(*cache, random() % kRecords);
    const SplitStats split = cache->GetStats().split;
    CHECK(split.fixed);
    CHECK(TierShare(*cache) == share);
    CHECK(split.memtable_bytes == kBudget / 8);
    CHECK(split.block_cache_bytes == kBudget - split.memtable_bytes - split.tier_bytes);
    CHECK(split.moves_to_tier + split.moves_to_blocks == 0);
    CHECK((split.block_cache_used_bytes > kBudget / 2) == (share < 0.5));
    CHECK((cache->GetStats().total.entries > 0) == (share > 0));
    CheckWithin(*cache, kBudget);
  }
}

// Random keys, with room for a few in the tier: of what was loaded, what went into it.
double Cached(std::uint64_t budget, double share) {
  const TempFolder dir;
  Fill(dir.path());
  const auto cache = OpenWith({.memory_budget = budget, .tier_share = share}, dir.path());
  std::mt19937_64 random(5);
  const auto read = [&] {
    for (int i = 0; i < 50'000; ++i) CheckGet(*cache, random() % kRecords);
    return cache->GetStats();
  };
  const Stats before = read();
  const Stats window = read() - before;
  CHECK(window.total.evictions > 0);
  CHECK(window.total.hits > 0);
  return static_cast<double>(window.total.inserts) / static_cast<double>(window.total.loads);
}

TEST_CASE(
    "a full tier caches what a block was read for, and little of what blocks in memory have") {
  CHECK(Cached(kBudget, 0.9) > 0.9);
  CHECK(Cached(16 * kMiB, 0.1) < 0.1);
}

TEST_CASE("what watching the blocks takes is part of their share") {
  const TempFolder dir;
  const auto used = [&](std::optional<double> share) {
    const auto cache = OpenWith({.memory_budget = kBudget, .tier_share = share}, dir.path());
    return cache->GetStats().split.block_cache_used_bytes;
  };
  // Of half of 1.75 MiB: shadows of 224 blocks and of 252, one in four. A fixed share needs none.
  constexpr std::uint64_t kShadows = 56 + 63;
  // In each is an entry of RocksDB's own, of as many bytes as malloc gave it: some 16 more or less.
  const std::uint64_t watching = used(std::nullopt) - used(0.5);
  CHECK(watching > (kShadows - 1) * ShadowSlru::kBlockBytes);
  CHECK(watching < (kShadows + 1) * ShadowSlru::kBlockBytes);
}

// A few keys, each in a block of its own, are all that is read: a tier holds them, blocks do not
// fit.
void ReadHotKeys(Cache& cache, int count) {
  std::mt19937_64 random(2);
  for (int i = 0; i < count; ++i) {
    CheckGet(cache, random() % 100 != 0 ? random() % 8000 : random() % kRecords);
  }
}

// Ranges in one eighth of the keys: a tier has no part in it.
void ScanHotRanges(Cache& cache, int count) {
  std::mt19937_64 random(3);
  for (int i = 0; i < count; ++i) {
    ScanOptions options;
    options.range.from = fmt::format("{:08}", random() % (kRecords / 5));
    options.limit = 20;
    CHECK(cache.Scan(options, [](auto, auto) { return true; }).has_value());
  }
}

TEST_CASE("memory goes where it is of use, and back, within the budget") {
  const TempFolder dir;
  Fill(dir.path());
  const auto cache = OpenWith({.memory_budget = kBudget}, dir.path());
  CHECK(TierShare(*cache) == 0.5);
  ReadHotKeys(*cache, 150'000);
  CheckWithin(*cache, kBudget);
  CHECK(TierShare(*cache) > 0.7);
  CHECK(cache->GetStats().split.moves_to_tier > 0);
  ScanHotRanges(*cache, 40'000);
  CheckWithin(*cache, kBudget);
  CHECK(TierShare(*cache) < 0.4);
  CHECK(cache->GetStats().split.moves_to_blocks > 0);
  ReadHotKeys(*cache, 150'000);
  CheckWithin(*cache, kBudget);
  CHECK(TierShare(*cache) > 0.7);
}

// The share could end at either side, each of which held what the other one held.
TEST_CASE("what is as large as a block goes to the tier, and blocks are not filled with it") {
  const TempFolder dir;
  rocksdb::Options options;
  options.compression = rocksdb::kNoCompression;
  constexpr std::uint64_t kLarge = 2000;
  {
    const auto db = OpenForeign(dir.path(), options);
    for (std::uint64_t i = 0; i < kLarge; ++i) {
      CheckOk(db->Put({}, KeyOf(i), std::string(4096, 'v')));
    }
    CheckOk(db->Flush({}));
  }
  const auto cache = OpenWith({.memory_budget = kBudget}, dir.path());
  std::mt19937_64 random(4);
  const auto read = [&](int count) {
    for (int i = 0; i < count; ++i) {
      REQUIRE(cache->Get(KeyOf(random() % (1 + random() % kLarge))).has_value());
    }
  };
  read(100'000);
  CHECK(TierShare(*cache) > 0.9);
  CheckWithin(*cache, kBudget);
  // With room for all of them, the tier fills and the block cache does not, but by scans.
  REQUIRE(cache->SetMemoryBudget(16 * kMiB).has_value());
  const std::uint64_t blocks = cache->GetStats().split.block_cache_used_bytes;
  read(20'000);
  CHECK(cache->GetStats().total.entries > kLarge / 2);
  CHECK(cache->GetStats().split.block_cache_used_bytes <= blocks);
  ScanHotRanges(*cache, 2000);
  CHECK(cache->GetStats().split.block_cache_used_bytes > blocks);
}

// It was stuck: a key that finds no room is not evicted, and no ghost heard of it.
TEST_CASE("a tier too small for any entry is known to be of use if it were larger") {
  const TempFolder dir;
  Fill(dir.path());
  const auto cache = OpenWith({.memory_budget = 16 << 10}, dir.path());
  // Of one key: of two, either may take the other's place in the ghost.
  for (int i = 0; i < 1000; ++i) CheckGet(*cache, 0);
  const Stats stats = cache->GetStats();
  REQUIRE(stats.total.entries == 0);
  CHECK(stats.total.rejections == 1000);
  CHECK(stats.split.tier_saving_nanoseconds > 0);
}

TEST_CASE("a new budget is shared out as the old one was") {
  const TempFolder dir;
  Fill(dir.path());
  const auto cache = OpenWith({.memory_budget = kBudget}, dir.path());
  ReadHotKeys(*cache, 50'000);
  const double share = TierShare(*cache);
  for (const std::uint64_t budget : {kBudget / 2, 2 * kBudget, kBudget / 4}) {
    REQUIRE(cache->SetMemoryBudget(budget).has_value());
    CHECK(TierShare(*cache) == doctest::Approx(share).epsilon(0.2));
    CheckWithin(*cache, budget);
    ReadHotKeys(*cache, 10'000);
    CheckWithin(*cache, budget);
  }
}

TEST_CASE("memtables keep to their part of the budget") {
  const TempFolder dir;
  const auto cache = OpenWith({.memory_budget = kBudget}, dir.path());
  const auto tables = [&] {
    const std::filesystem::directory_iterator files(dir.path());
    return std::ranges::count_if(
        files, [](const auto& file) { return file.path().extension() == ".sst"; });
  };
  // Larger than all that may stay in memory, but only together.
  for (std::uint64_t i = 0; i < 1000; ++i) {
    REQUIRE(cache->Put(KeyOf(i), std::string(1024, 'v')).has_value());
  }
  CHECK(tables() > 0);
  for (std::uint64_t i = 0; i < 1000; ++i) CHECK(cache->Get(KeyOf(i))->has_value());
}

// By the OPTIONS file, which tells what the database has last been set to.
std::size_t WriteBuffer(const std::string& path) {
  rocksdb::DBOptions db;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  CheckOk(rocksdb::LoadLatestOptions({}, path, &db, &families));
  REQUIRE(families.size() == 1);
  return families[0].options.write_buffer_size;
}

TEST_CASE("memtables follow a new budget, of this opening or the next") {
  const TempFolder dir;
  {
    const auto cache = OpenWith({.memory_budget = 16 * kMiB}, dir.path());
    CHECK(WriteBuffer(dir.path()) == kMiB);
    REQUIRE(cache->SetMemoryBudget(1024 * kMiB).has_value());
    CHECK(WriteBuffer(dir.path()) == 64 * kMiB);
    REQUIRE(cache->SetMemoryBudget(8 * kMiB).has_value());
    CHECK(WriteBuffer(dir.path()) == kMiB / 2);
  }
  const auto cache = OpenWith({.memory_budget = 32 * kMiB}, dir.path());
  CHECK(WriteBuffer(dir.path()) == 2 * kMiB);
}

TEST_CASE("memtables are no larger than the caller's options say") {
  const TempFolder dir;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 3 * kMiB;
  Options cache_options{.memory_budget = 16 * kMiB};
  cache_options.rocksdb.rocksdb_options = &options;
  const auto cache = OpenWith(cache_options, dir.path());
  CHECK(WriteBuffer(dir.path()) == kMiB);
  REQUIRE(cache->SetMemoryBudget(1024 * kMiB).has_value());
  CHECK(WriteBuffer(dir.path()) == 3 * kMiB);
}

TEST_CASE("a database that is only read is not written for a new budget") {
  const TempFolder dir;
  MakeForeign(dir.path());
  const auto names = [&] {
    std::vector<std::string> all;
    for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
      all.push_back(file.path().string() + " " + std::to_string(file.file_size()));
    }
    std::ranges::sort(all);
    return all;
  };
  Options options{.memory_budget = 16 * kMiB};
  options.rocksdb.read_only = true;
  const auto cache = OpenWith(options, dir.path());
  const auto before = names();
  REQUIRE(cache->SetMemoryBudget(32 * kMiB).has_value());
  CHECK(names() == before);
}

TEST_CASE("the caller's table options are kept, but for the block cache") {
  const TempFolder dir;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  table.block_size = 16 << 10;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  Options cache_options{.memory_budget = kBudget, .tier_share = 0.0};
  cache_options.rocksdb.rocksdb_options = &options;
  {
    const auto cache = OpenWith(cache_options, dir.path());
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      REQUIRE(cache->Put(KeyOf(i), std::string(100, 'v')).has_value());
    }
  }
  // A compaction would read blocks too, and keep none of them; more Gets would overflow the cache.
  options.disable_auto_compactions = true;
  const auto cache = OpenWith(cache_options, dir.path());
  for (std::uint64_t i = 0; i < 10; ++i) REQUIRE(cache->Get(KeyOf(i)).has_value());
  const SplitStats split = cache->GetStats().split;
  CHECK(split.block_misses > 0);
  CHECK(split.block_cache_used_bytes > split.block_misses * (8 << 10) / 2);
}

// RocksDB then asks for blocks another way.
TEST_CASE("blocks are watched whatever the caller says of a secondary cache") {
  const TempFolder dir;
  Fill(dir.path());
  rocksdb::Options options;
  options.lowest_used_cache_tier = rocksdb::CacheTier::kVolatileTier;
  Options cache_options{.memory_budget = kBudget};
  cache_options.rocksdb.rocksdb_options = &options;
  const auto cache = OpenWith(cache_options, dir.path());
  for (std::uint64_t i = 0; i < 10; ++i) CheckGet(*cache, i);
  CHECK(cache->GetStats().split.block_misses > 0);
}

TEST_CASE("with a fixed share, what Values hold does not keep the block cache small") {
  const TempFolder dir;
  Fill(dir.path());
  const auto cache = OpenWith({.memory_budget = kBudget, .tier_share = 0.5}, dir.path());
  for (std::uint64_t i = 0; i < kRecords; ++i) CheckGet(*cache, i);
  std::vector<Value> held;
  for (std::uint64_t i = kRecords; i-- > kRecords - 5000;) {
    auto value = cache->Get(KeyOf(i));
    REQUIRE(value.has_value());
    held.push_back(**std::move(value));
  }
  REQUIRE(cache->SetMemoryBudget(kBudget / 2).has_value());
  CHECK(cache->GetStats().pinned_bytes > kBudget / 8);
  const SplitStats split = cache->GetStats().split;
  CHECK(split.block_cache_bytes == split.budget_bytes - split.memtable_bytes - split.tier_bytes);
}

TEST_CASE("threads that read, write and scan while memory moves") {
  const TempFolder dir;
  Fill(dir.path());
  const auto cache = OpenWith({.memory_budget = kBudget}, dir.path());
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      std::mt19937_64 random(t);
      for (std::uint64_t i = 0; i < 4000; ++i) {
        const std::uint64_t key = random() % 4000;
        if (i % 40 == 0) {
          CHECK(cache->Put(KeyOf(key), KeyOf(key) + std::string(120, 'w')).has_value());
        }
        if (i % 50 == 0) ScanHotRanges(*cache, 5);
        if (i % 500 == 0 && t == 0) {
          CHECK(cache->SetMemoryBudget(kBudget / (1 + i / 500 % 2)).has_value());
        }
        CheckGet(*cache, key);
      }
    });
  }
  threads.clear();
  CheckWithin(*cache, kBudget / 2);  // the last that was set
}

}  // namespace
}  // namespace kvcache::testing
