#include "store/rocksdb_block_cache.h"

#include <rocksdb/cache.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <string>
#include <utility>

#include "base/hash.h"
#include "store/block_watch.h"
#include "store/rocksdb_cache_wrapper.h"

namespace kvcache {
namespace {

thread_local BlockCache::Misses thread_misses;

std::uint64_t HashOf(const rocksdb::Slice& key) { return XXH3_64bits(key.data(), key.size()); }

// RocksDB's LRUCache, watched. What watching takes is part of the capacity.
class WatchedCache : public CacheWrapper {
 public:
  WatchedCache(const rocksdb::LRUCacheOptions& options, std::uint64_t reach)
      : CacheWrapper(rocksdb::NewLRUCache(options)),
        capacity_(options.capacity),
        watch_(options.capacity, reach) {
    LeaveRoom();
  }

  using CacheWrapper::Insert;
  using CacheWrapper::Lookup;
  // Blocks come and are asked for by these.
  Status Insert(const Slice& key, void* value, const CacheItemHelper* helper, std::size_t charge,
                Handle** handle, Priority priority) override {
    watch_.Entered(HashOf(key), charge);
    return CacheWrapper::Insert(key, value, helper, charge, handle, priority);
  }
  Handle* Lookup(const Slice& key, const CacheItemHelper* helper, const CreateCallback& create,
                 Priority priority, bool wait, Statistics* stats) override {
    Handle* handle = CacheWrapper::Lookup(key, helper, create, priority, wait, stats);
    thread_misses += watch_.Asked(HashOf(key), handle != nullptr);
    return handle;
  }
  void SetCapacity(std::size_t bytes) override {
    capacity_ = bytes;
    watch_.SetCapacity(bytes);
    LeaveRoom();
  }
  std::size_t GetCapacity() const override { return capacity_; }
  void SetReach(std::uint64_t bytes) {
    watch_.SetReach(bytes);
    LeaveRoom();
  }

  const BlockWatch& watch() const { return watch_; }

 private:
  void LeaveRoom() {
    const std::size_t bytes = capacity_;
    CacheWrapper::SetCapacity(bytes - std::min<std::size_t>(watch_.MemoryBytes(), bytes));
  }

  std::atomic<std::size_t> capacity_;
  BlockWatch watch_;
};

class LruBlockCache : public BlockCache {
 public:
  LruBlockCache(const BlockCacheOptions& options, int shard_bits)
      : memtables_(std::make_shared<rocksdb::WriteBufferManager>(options.memtables)) {
    rocksdb::LRUCacheOptions lru;
    lru.capacity = options.capacity;
    lru.num_shard_bits = shard_bits;
    cache_ = std::make_shared<WatchedCache>(lru, options.reach);
  }

  void SetCapacity(std::uint64_t bytes) override { cache_->SetCapacity(bytes); }
  std::uint64_t capacity() const override { return cache_->GetCapacity(); }
  std::uint64_t used() const override {
    return cache_->GetUsage() + std::min(cache_->watch().MemoryBytes(), capacity());
  }
  void SetReach(std::uint64_t bytes) override { cache_->SetReach(bytes); }
  double ReturnedByOne() const override { return cache_->watch().weight(); }
  std::uint64_t misses() const override { return cache_->watch().misses(); }
  std::uint64_t mean_block_bytes() const override { return cache_->watch().mean_block_bytes(); }
  void SetMemtableBytes(std::uint64_t bytes) override {
    memtables_->SetBufferSize(bytes);
    for (std::size_t i = 0; i < followers_.families.size(); ++i) Resize(i, bytes);
  }

  void Follow(Memtables memtables) { followers_ = std::move(memtables); }
  std::shared_ptr<rocksdb::Cache> cache() const { return cache_; }
  const std::shared_ptr<rocksdb::WriteBufferManager>& memtables() const { return memtables_; }

 private:
  // Where it fails memtables are of another size, within the same bound.
  void Resize(std::size_t i, std::uint64_t bytes) {
    rocksdb::ColumnFamilyHandle* const family = followers_.families[i];
    rocksdb::ColumnFamilyOptions options = followers_.db->GetOptions(family);
    const std::size_t before = std::exchange(options.write_buffer_size, followers_.most[i]);
    LimitMemtables(options, bytes);
    if (options.write_buffer_size == before) return;
    // RocksDB works out arena_block_size when it opens a database only.
    const std::size_t arena = std::min(options.write_buffer_size / 8, std::size_t{1} << 20);
    followers_.db
        ->SetOptions(family, {{"write_buffer_size", std::to_string(options.write_buffer_size)},
                              {"arena_block_size", std::to_string(arena)}})
        .PermitUncheckedError();
  }

  const std::shared_ptr<rocksdb::WriteBufferManager> memtables_;
  std::shared_ptr<WatchedCache> cache_;
  Memtables followers_;
};

std::shared_ptr<rocksdb::TableFactory> WithBlockCache(
    const std::shared_ptr<rocksdb::TableFactory>& factory,
    const std::shared_ptr<rocksdb::Cache>& cache) {
  const auto* options = factory->GetOptions<rocksdb::BlockBasedTableOptions>();
  if (options == nullptr) return factory;
  rocksdb::BlockBasedTableOptions changed = *options;
  changed.no_block_cache = false;
  changed.block_cache = cache;
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(changed));
}

}  // namespace

BlockCache::Misses BlockCache::OfThread() { return thread_misses; }

std::shared_ptr<BlockCache> NewBlockCache(const BlockCacheOptions& options) {
  constexpr std::uint64_t kLeastPart = std::uint64_t{256} << 10;
  constexpr std::uint64_t kMostParts = 64;
  const std::uint64_t parts = std::clamp<std::uint64_t>(options.least / kLeastPart, 1, kMostParts);
  return std::make_shared<LruBlockCache>(options, std::bit_width(parts) - 1);
}

std::vector<std::size_t> UseBlockCache(Setup& setup, const BlockCache& cache) {
  std::vector<std::size_t> most;
  const auto& ours = static_cast<const LruBlockCache&>(cache);
  setup.db.write_buffer_manager = ours.memtables();
  // Else RocksDB asks for blocks by the calls that are not watched. There is no secondary cache.
  setup.db.lowest_used_cache_tier = rocksdb::CacheTier::kNonVolatileBlockTier;
  for (rocksdb::ColumnFamilyDescriptor& family : setup.families) {
    std::shared_ptr<rocksdb::TableFactory>& factory = family.options.table_factory;
    factory = WithBlockCache(factory, ours.cache());
    // A small one may be an earlier budget's.
    std::size_t& write_buffer = family.options.write_buffer_size;
    if (setup.noted) write_buffer = std::numeric_limits<std::size_t>::max();
    most.push_back(write_buffer);
    LimitMemtables(family.options, ours.memtables()->buffer_size());
  }
  return most;
}

void Follow(BlockCache& cache, Memtables memtables) {
  static_cast<LruBlockCache&>(cache).Follow(std::move(memtables));
}

}  // namespace kvcache
