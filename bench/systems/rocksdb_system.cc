#include "systems/rocksdb_system.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace bench {
namespace {

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

void Check(const rocksdb::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "RocksDB: %s\n", status.ToString().c_str());
  std::exit(1);
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::random_device random;
  path_ = std::filesystem::temp_directory_path() / ("kvcache-bench-" + std::to_string(random()));
  std::filesystem::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

rocksdb::Options RocksDbOptionsFor(RocksDbCache cache, std::size_t cache_bytes) {
  constexpr std::size_t kBlockBytes = 4096;
  constexpr std::size_t kBlocksOfRow = std::size_t{1} << 20;  // for the row cache's misses
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = kBlockBytes;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  switch (cache) {
    case RocksDbCache::kBlockLru:
      table.block_cache = rocksdb::NewLRUCache(cache_bytes);
      break;
    case RocksDbCache::kBlockHyper:
      table.block_cache =
          rocksdb::HyperClockCacheOptions(cache_bytes, kBlockBytes).MakeSharedCache();
      break;
    case RocksDbCache::kRow:
      table.block_cache = rocksdb::NewLRUCache(kBlocksOfRow);
      options.row_cache = rocksdb::NewLRUCache(cache_bytes);
      break;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

RocksDbSystem::RocksDbSystem(RocksDbCache cache, std::size_t entries, std::size_t value_bytes) {
  // Twice the data: a hash-sharded cache never fills evenly.
  const std::size_t bytes = entries * (value_bytes + 200) * 2 + (std::size_t{64} << 20);
  rocksdb::DB* db = nullptr;
  Check(rocksdb::DB::Open(RocksDbOptionsFor(cache, bytes), folder_.path().string(), &db));
  db_.reset(db);
}

RocksDbSystem::~RocksDbSystem() = default;

void RocksDbSystem::Put(std::string_view key, std::string_view value) {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  Check(db_->Put(options, SliceOf(key), SliceOf(value)));
}

void RocksDbSystem::Seal() {
  Check(db_->Flush({}));
  Check(db_->CompactRange({}, nullptr, nullptr));
  std::vector<std::string> keys;
  const std::unique_ptr<rocksdb::Iterator> all(db_->NewIterator({}));
  for (all->SeekToFirst(); all->Valid(); all->Next()) keys.push_back(all->key().ToString());
  std::string value;
  for (const std::string& key : keys) Get(key, value);  // row cache is filled by Get only
}

bool RocksDbSystem::Get(std::string_view key, std::string& value) {
  return db_->Get({}, SliceOf(key), &value).ok();
}

std::size_t RocksDbSystem::MultiGet(std::span<const std::string_view> keys) {
  std::vector<rocksdb::Slice> slices;
  for (const std::string_view key : keys) slices.push_back(SliceOf(key));
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet({}, db_->DefaultColumnFamily(), keys.size(), slices.data(), values.data(),
                statuses.data());
  return static_cast<std::size_t>(
      std::ranges::count_if(statuses, [](const rocksdb::Status& status) { return status.ok(); }));
}

}  // namespace bench
