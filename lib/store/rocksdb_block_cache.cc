#include "store/rocksdb_block_cache.h"

#include <rocksdb/cache.h>
#include <rocksdb/secondary_cache.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <atomic>
#include <bit>

#include "base/ghost.h"
#include "base/hash.h"

namespace kvcache {
namespace {

thread_local BlockCache::Misses thread_misses;

std::uint64_t HashOf(const rocksdb::Slice& key) { return XXH3_64bits(key.data(), key.size()); }

// Stands where RocksDB would keep what its block cache evicts, is asked for what that cache misses,
// and keeps nothing: it listens.
class Listener : public rocksdb::SecondaryCache {
 public:
  explicit Listener(std::uint64_t reach) : ghost_(reach / kUsualBlock) {}

  const char* Name() const override { return "kvcache.Listener"; }

  rocksdb::Status Insert(const rocksdb::Slice& key, void* value,
                         const rocksdb::Cache::CacheItemHelper* helper) override {
    const std::uint64_t hash = HashOf(key);
    ghost_.Leave({&hash, 1});
    left_.fetch_add(1, std::memory_order_relaxed);
    left_bytes_.fetch_add(helper->size_cb(value), std::memory_order_relaxed);
    return rocksdb::Status::OK();
  }
  std::unique_ptr<rocksdb::SecondaryCacheResultHandle> Lookup(const rocksdb::Slice& key,
                                                              const rocksdb::Cache::CreateCallback&,
                                                              bool, bool, bool&) override {
    const std::uint64_t hash = HashOf(key);
    const double returned = ghost_.Return(hash);
    ++thread_misses.blocks;
    thread_misses.returned += returned;
    thread_misses.noise += returned * returned;
    misses_.fetch_add(1, std::memory_order_relaxed);
    ghost_.Enter(hash);
    return nullptr;
  }
  bool SupportForceErase() const override { return false; }
  void Erase(const rocksdb::Slice&) override {}
  void WaitAll(std::vector<rocksdb::SecondaryCacheResultHandle*>) override {}

  void SetReach(std::uint64_t bytes) {
    const std::uint64_t mean = mean_block_bytes();
    ghost_.SetReach(bytes / (mean == 0 ? kUsualBlock : mean));
  }
  // RocksDB's own count of blocks (GetOccupancyCount) is not one in 7.8.
  std::uint64_t mean_block_bytes() const {
    const std::uint64_t left = left_.load(std::memory_order_relaxed);
    return left == 0 ? 0 : left_bytes_.load(std::memory_order_relaxed) / left + 1;
  }
  double ReturnedByOne() const { return ghost_.KeysForOne(); }
  std::uint64_t misses() const { return misses_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t kUsualBlock = 4096;  // bytes

  Ghost ghost_;
  std::atomic<std::uint64_t> left_{0};
  std::atomic<std::uint64_t> left_bytes_{0};
  std::atomic<std::uint64_t> misses_{0};
};

class LruBlockCache : public BlockCache {
 public:
  LruBlockCache(const BlockCacheOptions& options, int shard_bits)
      : listener_(std::make_shared<Listener>(options.reach)),
        memtables_(std::make_shared<rocksdb::WriteBufferManager>(options.memtables)) {
    rocksdb::LRUCacheOptions lru;
    lru.capacity = options.capacity;
    lru.num_shard_bits = shard_bits;
    lru.secondary_cache = listener_;
    cache_ = rocksdb::NewLRUCache(lru);
  }

  void SetCapacity(std::uint64_t bytes) override { cache_->SetCapacity(bytes); }
  std::uint64_t capacity() const override { return cache_->GetCapacity(); }
  std::uint64_t used() const override { return cache_->GetUsage(); }
  void SetReach(std::uint64_t bytes) override { listener_->SetReach(bytes); }
  double ReturnedByOne() const override { return listener_->ReturnedByOne(); }
  std::uint64_t misses() const override { return listener_->misses(); }
  std::uint64_t mean_block_bytes() const override { return listener_->mean_block_bytes(); }
  void SetMemtableBytes(std::uint64_t bytes) override { memtables_->SetBufferSize(bytes); }

  const std::shared_ptr<rocksdb::Cache>& cache() const { return cache_; }
  const std::shared_ptr<rocksdb::WriteBufferManager>& memtables() const { return memtables_; }

 private:
  const std::shared_ptr<Listener> listener_;
  const std::shared_ptr<rocksdb::WriteBufferManager> memtables_;
  std::shared_ptr<rocksdb::Cache> cache_;
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

void UseBlockCache(Setup& setup, const BlockCache& cache) {
  const auto& ours = static_cast<const LruBlockCache&>(cache);
  setup.db.write_buffer_manager = ours.memtables();
  for (rocksdb::ColumnFamilyDescriptor& family : setup.families) {
    std::shared_ptr<rocksdb::TableFactory>& factory = family.options.table_factory;
    factory = WithBlockCache(factory, ours.cache());
    LimitMemtables(family.options, ours.memtables()->buffer_size());
  }
}

}  // namespace kvcache
