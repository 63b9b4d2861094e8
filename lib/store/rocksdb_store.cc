// RocksDB as a Store. Nothing outside this folder's rocksdb_* files includes RocksDB.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rocksdb/comparator.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "kvcache/rocksdb.h"
#include "store/claim.h"
#include "store/rocksdb_block_cache.h"
#include "store/rocksdb_open.h"
#include "store/rocksdb_setup.h"
#include "store/rocksdb_status.h"
#include "store/scan_range.h"

namespace kvcache {
namespace {

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// RocksDB has lengths in 32 bits, and of a key only Put looks whether it fits: a longer one would
// read or delete another key. A memtable has a pair's length in 32 bits too, and a block, which
// may hold other pairs before it.
rocksdb::Status CheckSizes(std::string_view key, std::string_view value = {}) {
  constexpr std::size_t kMostKey = std::size_t{1} << 30;
  constexpr std::size_t kMostPair = (std::size_t{4} << 30) - (std::size_t{1} << 20);
  if (key.size() > kMostKey) {
    return rocksdb::Status::InvalidArgument(
        fmt::format("a key of {} bytes; {} is the most", key.size(), kMostKey));
  }
  if (value.size() > kMostPair - key.size()) {
    return rocksdb::Status::InvalidArgument(
        fmt::format("a key of {} bytes and a value of {}; together {} is the most: the value is "
                    "too large",
                    key.size(), value.size(), kMostPair));
  }
  return rocksdb::Status::OK();
}
bool Fits(std::string_view key) { return CheckSizes(key).ok(); }

// --- The store ---

// A database with all its column families, closed in the order that RocksDB asks for.
struct Database {
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  }

  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
};

class RocksDbStore : public Store {
 public:
  RocksDbStore(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, std::string where,
               std::unique_ptr<Database> owned, std::shared_ptr<const BlockCache> block_cache)
      : block_cache_(std::move(block_cache)),
        owned_(std::move(owned)),
        // A wrapper such as TransactionDB and the database in it are one.
        claim_({db->GetRootDB(), family->GetID()}),
        db_(db),
        family_(family),
        comparator_(family->GetComparator()),
        where_(std::move(where)) {}

  // To be called before all else: whether no other store has the column family.
  Result<void> CheckAlone() const {
    if (claim_.held()) return {};
    return Fail(ErrorCode::kBusy,
                fmt::format("{}: already wrapped; two caches over one column family would not see "
                            "each other's writes",
                            where_));
  }

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    rocksdb::PinnableSlice value;
    rocksdb::Status status = CheckSizes(key);
    if (status.ok()) status = db_->Get(GetOptions(), family_, ToSlice(key), &value);
    const Result<bool> answer = Answer(status);
    if (answer == true) receive(ToView(value));
    return answer;
  }

  std::vector<Result<bool>> MultiGet(std::span<const std::string_view> keys,
                                     const IndexedReceiver& receive) override {
    // Not all of RocksDB's wrappers override this form of MultiGet as they do Get: it would go past
    // them, and read what a transaction has only prepared.
    const bool wrapper = db_ != db_->GetRootDB();
    // One by one, where a key fails only its own answer.
    if (wrapper || !std::ranges::all_of(keys, Fits)) return Store::MultiGet(keys, receive);
    std::vector<rocksdb::Slice> slices(keys.size());
    std::ranges::transform(keys, slices.begin(), ToSlice);
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    db_->MultiGet(GetOptions(), family_, keys.size(), slices.data(), values.data(),
                  statuses.data());

    std::vector<Result<bool>> answers;
    answers.reserve(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      answers.push_back(Answer(statuses[i]));
      if (answers.back() == true) receive(i, ToView(values[i]));
    }
    return answers;
  }

  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    // Its header, and a record's tag and three numbers.
    rocksdb::WriteBatch updates(batch.bytes() + 16 * (batch.size() + 1));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const rocksdb::Status status = Append(batch[i], updates);
      if (!status.ok()) return FailWith(status, where_, "write");
    }
    return Done(db_->Write(Translate(options), &updates), "write");
  }

  Result<void> Put(std::string_view key, std::string_view value,
                   const WriteOptions& options) override {
    rocksdb::Status status = CheckSizes(key, value);
    if (status.ok()) {
      status = db_->Put(Translate(options), family_, ToSlice(key), ToSlice(value));
    }
    return Done(status, "write");
  }
  Result<void> Delete(std::string_view key, const WriteOptions& options) override {
    rocksdb::Status status = CheckSizes(key);
    if (status.ok()) status = db_->Delete(Translate(options), family_, ToSlice(key));
    return Done(status, "write");
  }

  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    for (const auto& bound : {&options.range.from, &options.range.to, &options.prefix}) {
      if (*bound && !Fits(**bound)) return Done(CheckSizes(**bound), "scan");
    }
    const ScanRange range = RangeOf(options, Order());
    if (range.lower && range.upper && Compare(*range.lower, *range.upper) >= 0) return {};
    rocksdb::ReadOptions read_options;
    rocksdb::Slice lower;
    rocksdb::Slice upper;
    if (range.lower) read_options.iterate_lower_bound = &(lower = *range.lower);
    if (range.upper) read_options.iterate_upper_bound = &(upper = *range.upper);
    read_options.total_order_seek = true;  // else a prefix extractor hides keys
    if (!options.reverse) {
      constexpr std::uint64_t kMostAtOnce = std::uint64_t{1} << 20;
      read_options.readahead_size = std::min(options.expected_bytes, kMostAtOnce);
    }

    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options, family_));
    if (!options.reverse) {
      it->SeekToFirst();
    } else if (range.last) {
      it->SeekForPrev(*range.last);  // stays below the upper bound
    } else {
      it->SeekToLast();
    }
    std::size_t visited = 0;
    for (; it->Valid(); options.reverse ? it->Prev() : it->Next()) {
      const std::string_view key = ToView(it->key());
      if (range.last && Compare(key, *range.last) > 0) break;
      if (options.prefix && !key.starts_with(*options.prefix)) continue;
      if (!visit(key, ToView(it->value())) || ++visited == options.limit) break;
    }
    return Done(it->status(), "scan");
  }

  int Compare(std::string_view a, std::string_view b) const override {
    return comparator_->Compare(ToSlice(a), ToSlice(b));
  }

  Result<void> CatchUp() override {
    return Done(db_->TryCatchUpWithPrimary(), "catch up with a primary");
  }

  std::vector<StoreFigure> Describe() override {
    using Properties = rocksdb::DB::Properties;
    std::vector<StoreFigure> figures = {
        {"path", db_->GetName()},
        {"column_family", family_->GetName()},
        {"comparator", comparator_->Name()},
    };
    const std::pair<const char*, const std::string&> numbers[] = {
        {"estimated_keys", Properties::kEstimateNumKeys},
        {"sst_bytes", Properties::kLiveSstFilesSize},
        {"memtable_bytes", Properties::kCurSizeAllMemTables},
        // Those that are not in the block cache.
        {"index_filter_bytes", Properties::kEstimateTableReadersMem},
        {"block_cache_bytes", Properties::kBlockCacheUsage},
        {"block_cache_capacity", Properties::kBlockCacheCapacity},
    };
    for (const auto& [name, property] : numbers) {
      std::uint64_t number = 0;
      if (db_->GetIntProperty(family_, property, &number)) {
        figures.emplace_back(name, number);
      }
    }
    std::vector<std::string> files;
    for (int level = 0; level < db_->NumberLevels(family_); ++level) {
      db_->GetProperty(family_, Properties::kNumFilesAtLevelPrefix + std::to_string(level),
                       &files.emplace_back());
    }
    figures.emplace_back("files_per_level", fmt::format("{}", fmt::join(files, " ")));
    figures.emplace_back("last_sequence", db_->GetLatestSequenceNumber());
    return figures;
  }

 private:
  Result<bool> Answer(const rocksdb::Status& status) const {
    if (status.ok()) return true;
    if (status.IsNotFound()) return false;
    return FailWith(status, where_, "read");
  }

  Result<void> Done(const rocksdb::Status& status, std::string_view what) const {
    if (!status.ok()) return FailWith(status, where_, what);
    return {};
  }

  rocksdb::ReadOptions GetOptions() const {
    rocksdb::ReadOptions options;
    options.fill_cache = block_cache_ == nullptr || block_cache_->filled_by_gets();
    return options;
  }

  static rocksdb::WriteOptions Translate(const WriteOptions& options) {
    rocksdb::WriteOptions write_options;
    write_options.sync = options.sync;
    return write_options;
  }

  rocksdb::Status Append(const Operation& operation, rocksdb::WriteBatch& updates) const {
    const rocksdb::Slice key = ToSlice(operation.key);
    const rocksdb::Slice value = ToSlice(operation.value);
    const bool range = operation.kind == Operation::Kind::kDeleteRange;
    rocksdb::Status sizes = CheckSizes(operation.key, range ? "" : operation.value);
    if (sizes.ok() && range) sizes = CheckSizes(operation.value);
    if (!sizes.ok()) return sizes;
    switch (operation.kind) {
      case Operation::Kind::kPut:
        return updates.Put(family_, key, value);
      case Operation::Kind::kDelete:
        return updates.Delete(family_, key);
      case Operation::Kind::kDeleteRange:
        // A range that ends before it begins would fail amid the batch, after RocksDB has applied
        // what stands before it.
        if (comparator_->Compare(key, value) >= 0) return rocksdb::Status::OK();
        return updates.DeleteRange(family_, key, value);
    }
    return rocksdb::Status::InvalidArgument("unknown operation");
  }

  KeyOrder Order() const {
    if (comparator_ == rocksdb::BytewiseComparator()) return KeyOrder::kBytewise;
    if (comparator_ == rocksdb::ReverseBytewiseComparator()) return KeyOrder::kReverseBytewise;
    return KeyOrder::kOther;
  }

  const std::shared_ptr<const BlockCache> block_cache_;  // null when it is the caller's
  const std::unique_ptr<Database> owned_;                // null when wrapped
  const Claim claim_;
  rocksdb::DB* const db_;
  rocksdb::ColumnFamilyHandle* const family_;
  const rocksdb::Comparator* const comparator_;
  const std::string where_;  // begins every message
};

// --- Opening ---

// Whether another holds the database. DB::Open would find out too, but only after it has started a
// new info log in place of the holder's.
rocksdb::Status TryLock(const std::string& path, rocksdb::Env* env) {
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::Status status = env->LockFile(path + "/LOCK", &lock);
  return status.ok() ? env->UnlockFile(lock) : status;
}

rocksdb::Status OpenDatabase(const std::string& path, const RocksDbOptions& options, Setup& setup,
                             Database& database) {
  rocksdb::DB* db = nullptr;
  rocksdb::Status status;
  // Reading beside a writer, files must be held open, or they are gone when they are wanted.
  if (!options.secondary_path.empty()) {
    setup.db.max_open_files = -1;
    status = rocksdb::DB::OpenAsSecondary(setup.db, path, options.secondary_path, setup.families,
                                          &database.families, &db);
  } else if (options.read_only) {
    setup.db.max_open_files = -1;
    status = rocksdb::DB::OpenForReadOnly(setup.db, path, setup.families, &database.families, &db);
  } else {
    setup.db.create_if_missing = options.create_if_missing;
    status = rocksdb::DB::Open(setup.db, path, setup.families, &database.families, &db);
  }
  database.db.reset(db);
  return status;
}

// The MANIFEST of a database that has lost its CURRENT; empty when there is none. RocksDB would
// begin a new database there and delete the files of the old one.
std::string OrphanedManifest(const std::string& path, rocksdb::Env* env) {
  std::vector<std::string> names;
  if (!env->GetChildren(path, &names).ok()) return {};
  std::string latest;
  for (const std::string& name : names) {
    if (name.starts_with("MANIFEST-")) latest = std::max(latest, name);
  }
  return latest;
}

Result<void> CheckMayCreate(const std::string& path, const RocksDbOptions& options,
                            rocksdb::Env* env, std::string_view where) {
  const std::string manifest = OrphanedManifest(path, env);
  if (!manifest.empty()) {
    return Fail(ErrorCode::kCorruption,
                fmt::format("{}: its file {}/CURRENT is gone: write the line {} into it, or "
                            "restore the database from a backup",
                            where, Printable(path), Printable(manifest)));
  }
  const bool writable = !options.read_only && options.secondary_path.empty();
  if (writable && options.create_if_missing) return {};
  return Fail(ErrorCode::kIoError,
              fmt::format("{}: there is none (no file {}/CURRENT){}", where, Printable(path),
                          writable ? "; create_if_missing would make one" : ""));
}

std::string Where(std::string_view path, std::string_view column_family) {
  if (column_family == rocksdb::kDefaultColumnFamilyName) {
    return fmt::format("database {}", Printable(path));
  }
  return fmt::format("database {}, column family \"{}\"", Printable(path), Excerpt(column_family));
}

}  // namespace

Result<std::unique_ptr<Store>> OpenRocksDb(const std::string& path, const RocksDbOptions& options) {
  return OpenRocksDb(path, options, nullptr);
}

Result<std::unique_ptr<Store>> OpenRocksDb(const std::string& path, const RocksDbOptions& options,
                                           const std::shared_ptr<BlockCache>& block_cache) {
  if (path.empty()) return Fail(ErrorCode::kInvalidArgument, "the path of the database is empty");
  const bool secondary = !options.secondary_path.empty();
  if (options.read_only && secondary) {
    return Fail(ErrorCode::kInvalidArgument,
                "read_only and secondary_path: a database is opened as one or the other");
  }
  std::error_code ignored;
  if (secondary && std::filesystem::equivalent(path, options.secondary_path, ignored)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("secondary_path {}: that is the database itself; name a directory of "
                            "this reader's own",
                            Printable(options.secondary_path)));
  }
  rocksdb::Env* env =
      options.rocksdb_options != nullptr ? options.rocksdb_options->env : rocksdb::Env::Default();
  const bool writable = !options.read_only && !secondary;
  const bool exists = env->FileExists(path + "/CURRENT").ok();
  const std::string where = Where(path, options.column_family);
  if (!exists) {
    if (auto may = CheckMayCreate(path, options, env, where); !may) {
      return std::unexpected(may.error());
    }
  }
  Result<Setup> setup = PrepareSetup(path, options, env, exists, where);
  if (!setup) return std::unexpected(setup.error());
  Memtables memtables;
  if (block_cache != nullptr) memtables.most = UseBlockCache(*setup, *block_cache);

  auto database = std::make_unique<Database>();
  rocksdb::Status status;
  if (exists && writable) status = TryLock(path, env);
  if (status.ok()) status = OpenDatabase(path, options, *setup, *database);
  if (!status.ok()) {
    auto failure = FailWith(status, where, "open");
    if (failure.error().code == ErrorCode::kBusy) {
      failure.error().message = fmt::format(
          "{}: in use, by another process or this one; open it with read_only, or with "
          "secondary_path to follow what is written",
          where);
    }
    return failure;
  }
  const auto at = setup->Find(options.column_family) - setup->families.data();
  rocksdb::DB* const db = database->db.get();
  rocksdb::ColumnFamilyHandle* const family = database->families[static_cast<std::size_t>(at)];
  if (block_cache != nullptr && writable) {
    memtables.db = db;
    memtables.families = database->families;
    Follow(*block_cache, std::move(memtables));
  }
  return std::make_unique<RocksDbStore>(db, family, where, std::move(database), block_cache);
}

Result<std::unique_ptr<Store>> WrapRocksDb(rocksdb::DB* db,
                                           rocksdb::ColumnFamilyHandle* column_family) {
  if (db == nullptr) return Fail(ErrorCode::kInvalidArgument, "the database to wrap is null");
  if (column_family == nullptr) column_family = db->DefaultColumnFamily();
  const std::string where = Where(db->GetName(), column_family->GetName());
  const rocksdb::Options options = db->GetOptions(column_family);
  const Result<void> cacheable = CheckCacheable(options, options, where);
  if (!cacheable) return std::unexpected(cacheable.error());
  auto store = std::make_unique<RocksDbStore>(db, column_family, where, nullptr, nullptr);
  const Result<void> alone = store->CheckAlone();
  if (!alone) return std::unexpected(alone.error());
  return store;
}

}  // namespace kvcache
