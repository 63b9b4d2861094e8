#include "bench_systems.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/version.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <utility>
#include <variant>

#include "cache/memory_split.h"
#include "kvcache/cache.h"
#include "store/rocksdb_setup.h"

namespace kvcache::kvtool {
namespace {

// No less does a read through the page cache take, lest kvcache learn that blocks cost nothing.
// RocksDB alone does not ask what they cost.
constexpr std::chrono::microseconds kLearned{20};
constexpr std::chrono::microseconds kUnasked{0};

thread_local std::uint64_t device_reads = 0;
std::atomic<bool> through_page_cache = false;

// Takes the processor's time until so much has passed since it was made.
class AtLeast {
 public:
  explicit AtLeast(std::chrono::steady_clock::duration time)
      : until_(std::chrono::steady_clock::now() + time) {}
  AtLeast(const AtLeast&) = delete;
  AtLeast& operator=(const AtLeast&) = delete;
  ~AtLeast() {
    while (std::chrono::steady_clock::now() < until_) {
    }
  }

 private:
  const std::chrono::steady_clock::time_point until_;
};

// Counts reads. A file to be read past the page cache can be read through it too.
class CountingFile : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  CountingFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file,
               std::unique_ptr<rocksdb::FSRandomAccessFile> buffered,
               std::chrono::microseconds least)
      : FSRandomAccessFileOwnerWrapper(std::move(file)),
        buffered_(std::move(buffered)),
        least_(least) {}

  rocksdb::IOStatus Read(std::uint64_t offset, std::size_t n, const rocksdb::IOOptions& options,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* debug) const override {
    ++device_reads;
    if (!Buffered()) return target()->Read(offset, n, options, result, scratch, debug);
    const AtLeast slow(least_);
    return buffered_->Read(offset, n, options, result, scratch, debug);
  }
  rocksdb::IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t count,
                              const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override {
    device_reads += count;
    if (!Buffered()) return target()->MultiRead(requests, count, options, debug);
    const AtLeast slow(least_ * count);
    return buffered_->MultiRead(requests, count, options, debug);
  }

 private:
  bool Buffered() const {
    return buffered_ != nullptr && through_page_cache.load(std::memory_order_relaxed);
  }

  const std::unique_ptr<rocksdb::FSRandomAccessFile> buffered_;  // none: the file is
  const std::chrono::microseconds least_;  // that a read through the page cache takes
};

class CountingFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit CountingFileSystem(std::chrono::microseconds least)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), least_(least) {}
  const char* Name() const override { return "CountingFileSystem"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    auto status = FileSystemWrapper::NewRandomAccessFile(name, options, file, debug);
    std::unique_ptr<rocksdb::FSRandomAccessFile> buffered;
    if (status.ok() && options.use_direct_reads) {
      rocksdb::FileOptions other = options;
      other.use_direct_reads = false;
      status = FileSystemWrapper::NewRandomAccessFile(name, other, &buffered, debug);
    }
    if (!status.ok()) return status;
    *file = std::make_unique<CountingFile>(std::move(*file), std::move(buffered), least_);
    return status;
  }

 private:
  const std::chrono::microseconds least_;
};

rocksdb::Env* CountingEnv(std::chrono::microseconds least) {
  static const auto kLearning =
      rocksdb::NewCompositeEnv(std::make_shared<CountingFileSystem>(kLearned));
  static const auto kAlone =
      rocksdb::NewCompositeEnv(std::make_shared<CountingFileSystem>(kUnasked));
  return (least == kLearned ? kLearning : kAlone).get();
}

Error ErrorOf(const rocksdb::Status& status) { return {ErrorCode::kIoError, status.ToString()}; }

Result<void> ResultOf(const rocksdb::Status& status) {
  if (status.ok()) return {};
  return std::unexpected(ErrorOf(status));
}

rocksdb::Options OptionsWith(std::shared_ptr<rocksdb::Cache> block_cache, bool direct,
                             std::chrono::microseconds least = kUnasked) {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.no_block_cache = block_cache == nullptr;
  table.block_cache = std::move(block_cache);
  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kNoCompression;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.env = CountingEnv(least);
  options.use_direct_reads = direct;
  options.use_direct_io_for_flush_and_compaction = direct;
  return options;
}

std::uint64_t Part(std::uint64_t budget, double share) {
  return static_cast<std::uint64_t>(std::llround(static_cast<double>(budget) * share));
}

class RocksDbSystem : public System {
 public:
  explicit RocksDbSystem(rocksdb::DB* db) : db_(db) {}

  Result<bool> Get(std::string_view key, std::string& value) override {
    const rocksdb::Status status =
        db_->Get(rocksdb::ReadOptions(), rocksdb::Slice(key.data(), key.size()), &value);
    if (status.IsNotFound()) return false;
    if (!status.ok()) return std::unexpected(ErrorOf(status));
    return true;
  }
  Result<void> MultiGet(std::span<const std::string_view> keys) override {
    std::vector<rocksdb::Slice> slices;
    for (const std::string_view key : keys) slices.emplace_back(key.data(), key.size());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), keys.size(), slices.data(),
                  values.data(), statuses.data());
    for (const rocksdb::Status& status : statuses) {
      if (!status.ok() && !status.IsNotFound()) return std::unexpected(ErrorOf(status));
    }
    return {};
  }
  Result<void> Put(std::string_view key, std::string_view value) override {
    return ResultOf(db_->Put(rocksdb::WriteOptions(), rocksdb::Slice(key.data(), key.size()),
                             rocksdb::Slice(value.data(), value.size())));
  }
  Result<void> Scan(std::string_view from, std::size_t pairs) override {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    std::size_t passed = 0;
    for (it->Seek(rocksdb::Slice(from.data(), from.size())); it->Valid(); it->Next()) {
      // As kvcache's store does it: takes both, and does not go on from the last one.
      it->key();
      it->value();
      if (++passed == pairs) break;
    }
    return ResultOf(it->status());
  }
  MemoryFigures Memory() override {
    using Properties = rocksdb::DB::Properties;
    MemoryFigures figures;
    db_->GetIntProperty(Properties::kCurSizeAllMemTables, &figures.memtable_bytes);
    db_->GetIntProperty(Properties::kEstimateTableReadersMem, &figures.index_filter_bytes);
    return figures;
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
};

class KvcacheSystem : public System {
 public:
  explicit KvcacheSystem(std::unique_ptr<Cache> cache) : cache_(std::move(cache)) {}

  Result<bool> Get(std::string_view key, std::string& value) override {
    return cache_->Get(key, value);
  }
  Result<void> MultiGet(std::span<const std::string_view> keys) override {
    for (const auto& found : cache_->MultiGet(keys)) {
      if (!found) return std::unexpected(found.error());
    }
    return {};
  }
  Result<void> Put(std::string_view key, std::string_view value) override {
    return cache_->Put(key, value);
  }
  Result<void> Scan(std::string_view from, std::size_t pairs) override {
    ScanOptions options;
    options.range.from = std::string(from);
    options.limit = pairs;
    return cache_->Scan(options, [](std::string_view, std::string_view) { return true; });
  }
  MemoryFigures Memory() override {
    MemoryFigures figures;
    for (const auto& [name, value] : cache_->store().Describe()) {
      if (name == "memtable_bytes") figures.memtable_bytes = std::get<std::uint64_t>(value);
      if (name == "index_filter_bytes") figures.index_filter_bytes = std::get<std::uint64_t>(value);
    }
    return figures;
  }
  std::string Policy() override { return cache_->GetStats().policy; }
  TierFigures Tier() override {
    Stats now = cache_->GetStats();
    const std::uint64_t bytes = now.split.budget_bytes - now.split.memtable_bytes;
    const TierFigures figures{
        .hit_ratio = (now - before_).hit_ratio(),
        .share = static_cast<double>(now.split.tier_bytes) / static_cast<double>(bytes)};
    before_ = std::move(now);
    return figures;
  }

 private:
  const std::unique_ptr<Cache> cache_;
  Stats before_;
};

Outcome<std::unique_ptr<System>> OpenKvcache(const std::string& path,
                                             const SystemOptions& options) {
  const rocksdb::Options database = OptionsWith(nullptr, options.direct, kLearned);
  Options cache_options;
  cache_options.path = path;
  cache_options.rocksdb.rocksdb_options = &database;
  cache_options.memory_budget = options.budget;
  cache_options.tier_share = options.tier_share;
  cache_options.policy = options.policy;
  auto cache = Cache::Open(cache_options);
  if (!cache) return std::unexpected(cache.error());
  return std::make_unique<KvcacheSystem>(*std::move(cache));
}

// Memtables keep to what kvcache's do.
Outcome<std::unique_ptr<System>> OpenRocksDbAlone(const std::string& path,
                                                  rocksdb::Options database, std::uint64_t budget) {
  const std::size_t memtables = MemorySplit::MemtableBytes(budget);
  database.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(memtables);
  LimitMemtables(database, memtables);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(database, path, &db);
  if (!status.ok()) return Failed(fmt::format("database {}: {}", path, status.ToString()));
  return std::make_unique<RocksDbSystem>(db);
}

std::shared_ptr<rocksdb::Cache> HyperClockCache(std::uint64_t bytes) {
  constexpr std::size_t kBlockCharge = 4096 + 128;  // a block and what describes it
  return rocksdb::HyperClockCacheOptions(bytes, kBlockCharge).MakeSharedCache();
}

}  // namespace

const std::vector<std::string_view>& SystemNames() {
  static const std::vector<std::string_view> kNames = {"kvcache", "rocksdb", "rocksdb-hyper",
                                                       "rocksdb-row"};
  return kNames;
}

Outcome<std::unique_ptr<System>> OpenSystem(std::string_view name, const std::string& path,
                                            const SystemOptions& options) {
  if (name == "kvcache") return OpenKvcache(path, options);
  const std::uint64_t bytes = MemorySplit::CacheBytes(options.budget);
  const std::uint64_t rows = name == "rocksdb-row" ? Part(bytes, 0.9) : 0;
  auto blocks =
      name == "rocksdb-hyper" ? HyperClockCache(bytes) : rocksdb::NewLRUCache(bytes - rows);
  rocksdb::Options database = OptionsWith(std::move(blocks), options.direct);
  if (rows != 0) database.row_cache = rocksdb::NewLRUCache(rows);
  return OpenRocksDbAlone(path, std::move(database), options.budget);
}

std::string RocksDbKind() {
  return fmt::format("{}, with{} assertions", rocksdb::GetRocksVersionAsString(),
                     ROCKSDB_ASSERTIONS == 0 ? "out" : "");
}

std::uint64_t DeviceReads() { return device_reads; }

void ReadThroughPageCache(bool on) { through_page_cache.store(on, std::memory_order_relaxed); }

Outcome<void> MakeDatabase(const std::string& path,
                           const std::function<bool(std::string& key, std::string& value)>& next) {
  rocksdb::Options options = OptionsWith(nullptr, false);
  options.create_if_missing = true;
  options.error_if_exists = true;
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, path, &opened);
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions unlogged;
  unlogged.disableWAL = true;
  std::string key;
  std::string value;
  while (status.ok() && next(key, value)) status = db->Put(unlogged, key, value);
  if (status.ok()) status = db->Flush({});
  if (status.ok()) status = db->CompactRange({}, nullptr, nullptr);
  if (!status.ok()) return Failed(fmt::format("database {}: {}", path, status.ToString()));
  return {};
}

Outcome<void> CopyDatabase(const std::string& from, const std::string& to) {
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(OptionsWith(nullptr, false), from, &opened);
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::Checkpoint* made = nullptr;
  if (status.ok()) status = rocksdb::Checkpoint::Create(db.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(to);
  if (!status.ok()) return Failed(fmt::format("copy {} to {}: {}", from, to, status.ToString()));
  return {};
}

}  // namespace kvcache::kvtool
