// What the RocksDB store does beyond every store's duty (store_test.cc): modes, column families,
// wrapping, failures.
#include <doctest/doctest.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/transaction_db.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "support/rocksdb_db.h"
#include "support/temp_folder.h"
#include "support/text.h"

namespace kvcache {
namespace {

using testing::CheckOk;
using testing::MakeForeign;
using testing::MustOpen;
using testing::OpenForeign;
using testing::PutStore;
using testing::ReadOnly;
using testing::ReadStore;
using testing::SecondaryAt;
using testing::TempFolder;
using testing::WhyNot;
using testing::With;

std::string Keys(Store& store) {
  std::string keys;
  const auto done = store.Scan({}, [&](std::string_view key, std::string_view) {
    keys += std::string(key) + " ";
    return true;
  });
  return done ? keys : done.error().message;
}

void CheckReadOnly(Store& store, const std::string& path) {
  const auto written = PutStore(store, "key", "new");
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error() ==
        Error{ErrorCode::kReadOnly,
              "database " + path + ": cannot write: it is open for reading only"});
  CHECK(ReadStore(store, "key") == "foreign");
  std::string value;
  const std::vector<std::string_view> keys = {"key", "none"};
  const auto found = store.MultiGet(keys, [&](std::size_t, std::string_view v) { value = v; });
  CHECK(value == "foreign");
  CHECK(found[0] == true);
  CHECK(found[1] == false);
}

TEST_CASE("read-only: sees what was there when it opened, beside a writer") {
  const TempFolder folder;
  const auto writer = OpenForeign(folder / "db");
  CheckOk(writer->Put({}, "key", "foreign"));
  SUBCASE("in the log") {}
  SUBCASE("in a file") { CheckOk(writer->Flush({})); }
  const auto reader = MustOpen(folder / "db", ReadOnly());
  CheckOk(writer->Put({}, "key", "new"));
  CheckOk(writer->Put({}, "later", "1"));
  CheckOk(writer->Flush({}));
  CheckOk(writer->CompactRange({}, nullptr, nullptr));  // deletes the files that it reads
  CheckReadOnly(*reader, folder / "db");
  CHECK(Keys(*reader) == "key ");
  CHECK(reader->CatchUp().error().code == ErrorCode::kNotSupported);
}

TEST_CASE("read-only: keeps its files when the writer deletes them, however few may be open") {
  const TempFolder folder;
  rocksdb::Options options;
  options.disable_auto_compactions = true;
  options.max_open_files = 20;  // RocksDB keeps ten for itself
  options.table_cache_numshardbits = 0;
  const auto writer = OpenForeign(folder / "db", options);
  std::string keys;
  for (char key = 'a'; key <= 'z'; ++key) {
    CheckOk(writer->Put({}, std::string(1, key), "value"));
    CheckOk(writer->Put({}, "~", "in every file, so that compaction rewrites them all"));
    CheckOk(writer->Flush({}));
    keys += std::string(1, key) + " ";
  }
  RocksDbOptions read_only = With(options);
  read_only.read_only = true;
  const auto reader = MustOpen(folder / "db", read_only);
  CheckOk(writer->CompactRange({}, nullptr, nullptr));
  CHECK(Keys(*reader) == keys + "~ ");
}

TEST_CASE("a wrapped read-only database is known for one") {
  const TempFolder folder;
  MakeForeign(folder / "db");
  SUBCASE("in the log") {}
  // RocksDB has a class of its own for it, with messages of its own.
  SUBCASE("compacted") { CheckOk(OpenForeign(folder / "db")->CompactRange({}, nullptr, nullptr)); }
  rocksdb::Options options;
  options.max_open_files = -1;
  rocksdb::DB* db = nullptr;
  CheckOk(rocksdb::DB::OpenForReadOnly(options, folder / "db", &db));
  const std::unique_ptr<rocksdb::DB> owner(db);
  const auto store = WrapRocksDb(db);
  REQUIRE(store.has_value());
  CheckReadOnly(**store, folder / "db");
}

TEST_CASE("secondary: catches up with a writer") {
  const TempFolder folder;
  const auto writer = OpenForeign(folder / "db");
  CheckOk(writer->Put({}, "key", "foreign"));
  const auto secondary = MustOpen(folder / "db", SecondaryAt(folder / "secondary"));
  CHECK(std::filesystem::exists(folder / "secondary/LOG"));
  CheckReadOnly(*secondary, folder / "db");

  CheckOk(writer->Put({}, "later", "1"));
  CHECK(ReadStore(*secondary, "later") == "(absent)");
  CHECK(secondary->CatchUp().has_value());
  CHECK(ReadStore(*secondary, "later") == "1");

  CheckOk(writer->Delete({}, "key"));
  CheckOk(writer->Flush({}));
  CheckOk(writer->CompactRange({}, nullptr, nullptr));
  CHECK(secondary->CatchUp().has_value());
  CHECK(Keys(*secondary) == "later ");
}

TEST_CASE("column families are apart, whatever their order, and all stay") {
  const TempFolder folder;
  rocksdb::ColumnFamilyOptions reverse;
  reverse.comparator = rocksdb::ReverseBytewiseComparator();
  {
    const auto db = OpenForeign(folder / "db");
    rocksdb::ColumnFamilyHandle *users, *empty;
    CheckOk(db->CreateColumnFamily(reverse, "users", &users));
    CheckOk(db->CreateColumnFamily({}, "empty", &empty));
    CheckOk(db->Put({}, "key", "foreign"));
    for (const char* key : {"u1", "u2"}) CheckOk(db->Put({}, users, key, key));
    CheckOk(db->DestroyColumnFamilyHandle(users));
    CheckOk(db->DestroyColumnFamilyHandle(empty));
  }
  RocksDbOptions options;
  options.column_family = "users";
  {
    const auto store = MustOpen(folder / "db", options);
    CHECK(PutStore(*store, "u3", "3").has_value());
    CHECK(Keys(*store) == "u3 u2 u1 ");
    CHECK(ReadStore(*store, "key") == "(absent)");
  }
  CHECK(Keys(*MustOpen(folder / "db")) == "key ");
  options.read_only = true;
  CHECK(Keys(*MustOpen(folder / "db", options)) == "u3 u2 u1 ");

  options.column_family = "none";
  CHECK(WhyNot(folder / "db", options) ==
        Error{ErrorCode::kInvalidArgument, "database " + folder / "db" +
                                               ", column family \"none\": no column family "
                                               "\"none\"; it has default, users, empty"});
  std::vector<std::string> names;
  CheckOk(rocksdb::DB::ListColumnFamilies({}, folder / "db", &names));
  CHECK(names == std::vector<std::string>{"default", "users", "empty"});
}

TEST_CASE("a database that the service has open is wrapped, a column family once at a time") {
  const TempFolder folder;
  const auto db = OpenForeign(folder / "db");
  rocksdb::ColumnFamilyHandle* users = nullptr;
  CheckOk(db->CreateColumnFamily({}, "users", &users));
  {
    auto first = WrapRocksDb(db.get());
    REQUIRE(first.has_value());
    CHECK(PutStore(**first, "key", "value").has_value());
    const auto again = WrapRocksDb(db.get(), db->DefaultColumnFamily());
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error() ==
          Error{ErrorCode::kBusy, "database " + folder / "db" +
                                      ": already wrapped; two caches over one column family would "
                                      "not see each other's writes"});
    const auto other = WrapRocksDb(db.get(), users);
    REQUIRE(other.has_value());
    CHECK(ReadStore(**other, "key") == "(absent)");
    CHECK_FALSE(WrapRocksDb(db.get(), users).has_value());
    CHECK_FALSE(WrapRocksDb(db.get()).has_value());  // the refusals gave nothing back
  }
  CHECK(WrapRocksDb(db.get()).has_value());
  std::string value;
  CheckOk(db->Get({}, "key", &value));
  CHECK(value == "value");
  CheckOk(db->DestroyColumnFamilyHandle(users));
  CHECK(WrapRocksDb(nullptr).error().code == ErrorCode::kInvalidArgument);
}

std::unique_ptr<rocksdb::TransactionDB> OpenTransactions(
    const std::string& path, const rocksdb::TransactionDBOptions& transaction_options = {}) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::TransactionDB* db = nullptr;
  CheckOk(rocksdb::TransactionDB::Open(options, transaction_options, path, &db));
  return std::unique_ptr<rocksdb::TransactionDB>(db);
}

TEST_CASE("a transaction database and the database in it are one") {
  const TempFolder folder;
  const auto db = OpenTransactions(folder / "db");
  const auto store = WrapRocksDb(db.get());
  REQUIRE(store.has_value());
  CHECK(WrapRocksDb(db->GetBaseDB()).error().code == ErrorCode::kBusy);
  CHECK(PutStore(**store, "key", "value").has_value());
  CHECK(ReadStore(**store, "key") == "value");
}

TEST_CASE("what a transaction has only prepared is not read") {
  const TempFolder folder;
  rocksdb::TransactionDBOptions prepared;
  prepared.write_policy = rocksdb::WRITE_PREPARED;
  const auto db = OpenTransactions(folder / "db", prepared);
  const auto store = WrapRocksDb(db.get());
  REQUIRE(store.has_value());
  CHECK(PutStore(**store, "other", "committed").has_value());

  const std::unique_ptr<rocksdb::Transaction> transaction(db->BeginTransaction({}));
  CheckOk(transaction->SetName("one"));
  CheckOk(transaction->Put("key", "prepared"));
  CheckOk(transaction->Prepare());
  const std::vector<std::string_view> keys = {"key", "other"};
  std::string received;
  const auto found =
      (*store)->MultiGet(keys, [&](std::size_t, std::string_view value) { received += value; });
  CHECK(found[0] == false);
  CHECK(found[1] == true);
  CHECK(received == "committed");
  CHECK(ReadStore(**store, "key") == "(absent)");
  CheckOk(transaction->Rollback());
}

TEST_CASE("Describe tells what the database holds") {
  const TempFolder folder;
  const auto store = MustOpen(folder / "db");
  CHECK(PutStore(*store, "key", "value").has_value());
  std::string names;
  std::map<std::string, StoreFigure> figures;
  for (const StoreFigure& figure : store->Describe()) {
    names += figure.name + " ";
    figures[figure.name] = figure;
    const auto* text = std::get_if<std::string>(&figure.value);
    CHECK_FALSE((text != nullptr && text->empty()));
  }
  CHECK(names ==
        "path column_family comparator estimated_keys sst_bytes memtable_bytes index_filter_bytes "
        "block_cache_bytes block_cache_capacity files_per_level last_sequence ");
  using Value = decltype(StoreFigure::value);
  CHECK((figures["path"].value == Value(folder / "db")));
  CHECK((figures["estimated_keys"].value == Value(std::uint64_t{1})));
  CHECK((figures["files_per_level"].value == Value("0 0 0 0 0 0 0")));
  CHECK((figures["last_sequence"].value == Value(std::uint64_t{1})));
  CHECK(std::get<std::uint64_t>(figures["memtable_bytes"].value) > 0);
  CHECK(figures["memtable_bytes"].in_bytes());
  CHECK(figures["block_cache_capacity"].in_bytes());
  CHECK_FALSE(figures["estimated_keys"].in_bytes());
}

// --- Reads ---

// Counts reads of files.
class CountedReads : public rocksdb::FileSystemWrapper {
 public:
  CountedReads() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "kvcache.test.CountedReads"; }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* context) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> real;
    const auto status = FileSystemWrapper::NewRandomAccessFile(name, options, &real, context);
    if (status.ok()) *file = std::make_unique<File>(std::move(real), reads);
    return status;
  }

  std::atomic<int> reads = 0;

 private:
  class File : public rocksdb::FSRandomAccessFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::atomic<int>& reads)
        : FSRandomAccessFileOwnerWrapper(std::move(file)), reads_(reads) {}
    rocksdb::IOStatus Read(std::uint64_t offset, std::size_t n, const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* context) const override {
      ++reads_;
      return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, context);
    }

   private:
    std::atomic<int>& reads_;
  };
};

// A table of 100,000 bytes in blocks of 4 KiB, on a file system that counts reads of it.
struct CountedTable {
  CountedTable() : env(rocksdb::NewCompositeEnv(files)) {
    rocksdb::Options options;
    options.env = env.get();
    options.compression = rocksdb::kNoCompression;
    {
      const auto db = OpenForeign(folder / "db", options);
      for (int i = 1000; i < 2000; ++i) {
        CheckOk(db->Put({}, std::to_string(i), std::string(96, 'v')));
      }
      CheckOk(db->Flush({}));
    }
    options.use_direct_reads = true;
    store = MustOpen(folder / "db", With(options));
  }

  // How many reads a scan from this key on takes.
  int ReadsOf(const std::string& from, std::size_t pairs, std::uint64_t expected_bytes) {
    const int before = files->reads;
    const ScanOptions options{
        .range = {.from = from}, .limit = pairs, .expected_bytes = expected_bytes};
    std::size_t visited = 0;
    const auto visit = [&](std::string_view, std::string_view) { return ++visited != 0; };
    CHECK(store->Scan(options, visit).has_value());
    CHECK(visited == pairs);
    return files->reads - before;
  }

  const TempFolder folder;
  const std::shared_ptr<CountedReads> files = std::make_shared<CountedReads>();
  const std::unique_ptr<rocksdb::Env> env;
  std::unique_ptr<Store> store;
};

TEST_CASE("a scan that says how many bytes it will visit reads as many at once") {
  CHECK(CountedTable().ReadsOf("1000", 300, 0) >= 3);
  CHECK(CountedTable().ReadsOf("1000", 300, 30'000) <= 2);
  // However many that are.
  CHECK(CountedTable().ReadsOf("1000", 300, ~std::uint64_t{0}) == 1);
}

// --- Failures ---

// A disk that can be filled: no file grows while it is full.
class FullDisk : public rocksdb::FileSystemWrapper {
 public:
  FullDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "kvcache.test.FullDisk"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    const auto status = FileSystemWrapper::NewWritableFile(name, options, &real, context);
    if (status.ok()) *file = std::make_unique<File>(std::move(real), full);
    return status;
  }

  std::atomic<bool> full = false;

 private:
  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, const std::atomic<bool>& full)
        : FSWritableFileOwnerWrapper(std::move(file)), full_(full) {}
    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      if (full_) return rocksdb::IOStatus::NoSpace("while appending");
      return FSWritableFileOwnerWrapper::Append(data, options, context);
    }

   private:
    const std::atomic<bool>& full_;
  };
};

TEST_CASE("a full disk is told, and nothing of the failed write is seen") {
  const TempFolder folder;
  const auto disk = std::make_shared<FullDisk>();
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk);
  rocksdb::Options options;
  options.env = env.get();
  const auto store = MustOpen(folder / "db", With(options));
  CHECK(PutStore(*store, "key", "old").has_value());
  disk->full = true;
  for (int time = 0; time < 2; ++time) {
    const auto written = PutStore(*store, "key", "new");
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().code == ErrorCode::kIoError);
    CHECK(written.error().message.starts_with("database " + folder / "db" +
                                              ": cannot write: the disk is full: "));
    CHECK(ReadStore(*store, "key") == "old");
  }
  disk->full = false;
}

TEST_CASE("a damaged file fails reads of its keys and scans, as corruption") {
  const TempFolder folder;
  {
    const auto db = OpenForeign(folder / "db");
    CheckOk(db->Put({}, "key", std::string(1000, 'v')));
    CheckOk(db->Flush({}));
  }
  for (const auto& file : std::filesystem::directory_iterator(folder / "db")) {
    if (file.path().extension() != ".sst") continue;
    std::fstream(file.path(), std::ios::in | std::ios::out | std::ios::binary).seekp(20).put('!');
  }
  const auto store = MustOpen(folder / "db");
  const auto no_value = [](auto&&...) { FAIL("a value of a damaged file"); };
  const auto read = store->Get("key", no_value);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().code == ErrorCode::kCorruption);
  CHECK(read.error().message.starts_with("database " + folder / "db" + ": cannot read: "));
  const std::vector<std::string_view> keys = {"key", "none"};
  const auto answers = store->MultiGet(keys, no_value);
  CHECK(answers[0].error().code == ErrorCode::kCorruption);
  CHECK(answers[1] == false);
  const auto scanned = store->Scan({}, [](auto, auto) { return true; });
  REQUIRE_FALSE(scanned.has_value());
  CHECK(scanned.error().code == ErrorCode::kCorruption);
}

TEST_CASE("what was acknowledged is there after reopening") {
  const TempFolder folder;
  {
    const auto store = MustOpen(folder / "db");
    Batch batch;
    batch.Put("a", "1");
    batch.Put("b", "2");
    batch.DeleteRange("b", "c");
    CHECK(store->Write(batch, {.sync = true}).has_value());
  }
  CHECK(Keys(*MustOpen(folder / "db")) == "a ");
}

}  // namespace
}  // namespace kvcache
