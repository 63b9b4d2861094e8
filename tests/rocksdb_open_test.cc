// Opening databases: new, existing and busy ones.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/merge_operator.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "support/rocksdb_db.h"
#include "support/shortlex.h"
#include "support/temp_folder.h"
#include "support/text.h"

namespace kvcache {
namespace {

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

std::string Described(Store& store, std::string_view name) {
  for (const auto& [key, value] : store.Describe()) {
    if (key == name) return std::get<std::string>(value);
  }
  return "(none)";
}

std::string OptionsFileOf(const std::string& path) {
  std::string latest;
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    if (file.path().filename().string().starts_with("OPTIONS-")) {
      latest = std::max(latest, file.path().string());
    }
  }
  return latest;
}

class Concatenate : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* old, const rocksdb::Slice& more,
             std::string* merged, rocksdb::Logger*) const override {
    *merged = (old == nullptr ? "" : old->ToString()) + more.ToString();
    return true;
  }
  const char* Name() const override { return "kvcache.test.Concatenate"; }
};

TEST_CASE("a new database is made only when that is asked for") {
  const TempFolder folder;
  const std::string path = folder / "db";
  RocksDbOptions options;
  options.create_if_missing = false;
  const std::string none = "database " + path + ": there is none (no file " + path + "/CURRENT)";
  CHECK(WhyNot(path, options) ==
        Error{ErrorCode::kIoError, none + "; create_if_missing would make one"});
  CHECK(WhyNot(path, ReadOnly()) == Error{ErrorCode::kIoError, none});
  CHECK(WhyNot(path, SecondaryAt(folder / "secondary")) == Error{ErrorCode::kIoError, none});
  CHECK_FALSE(std::filesystem::exists(path));

  CHECK(PutStore(*MustOpen(path), "key", "value").has_value());
  CHECK(ReadStore(*MustOpen(path, options), "key") == "value");
  std::string value;
  testing::CheckOk(OpenForeign(path)->Get({}, "key", &value));
  CHECK(value == "value");
}

TEST_CASE("a path that cannot be") {
  const TempFolder folder;
  std::ofstream(folder / "file") << "text";
  CHECK(WhyNot("").code == ErrorCode::kInvalidArgument);
  CHECK(WhyNot(folder / "file").code == ErrorCode::kIoError);
  CHECK(WhyNot(folder / "none/db").code == ErrorCode::kIoError);
  RocksDbOptions both = ReadOnly();
  both.secondary_path = folder / "secondary";
  CHECK(WhyNot(folder / "db", both).code == ErrorCode::kInvalidArgument);

  OpenForeign(folder / "db");
  RocksDbOptions its_own;
  its_own.secondary_path = folder / "./db";  // whose info log its writer would lose
  CHECK(WhyNot(folder / "db", its_own).code == ErrorCode::kInvalidArgument);
}

TEST_CASE("existing databases open as they are, and stay so") {
  const TempFolder folder;
  rocksdb::Options options;
  options.comparator = rocksdb::ReverseBytewiseComparator();
  options.num_levels = 4;
  options.error_if_exists = true;
  testing::CheckOk(rocksdb::MergeOperator::CreateFromString({}, "StringAppendOperator",
                                                            &options.merge_operator));
  {
    const auto db = OpenForeign(folder / "db", options);
    testing::CheckOk(db->Merge({}, "key", "a"));
    testing::CheckOk(db->Merge({}, "key", "b"));
  }
  for (int time = 0; time < 2; ++time) {
    const auto store = MustOpen(folder / "db");
    CHECK(ReadStore(*store, "key") == "a,b");
    CHECK(store->Compare("a", "b") > 0);
    CHECK(Described(*store, "comparator") == "rocksdb.ReverseBytewiseComparator");
    CHECK(Described(*store, "files_per_level").size() == 7);  // four numbers
    CHECK(PutStore(*store, "mine", "1").has_value());
  }
  options.error_if_exists = false;
  std::string value;
  testing::CheckOk(OpenForeign(folder / "db", options)->Get({}, "mine", &value));
  CHECK(value == "1");
}

TEST_CASE("a database without an OPTIONS file opens") {
  const TempFolder folder;
  MakeForeign(folder / "db");
  std::filesystem::remove(OptionsFileOf(folder / "db"));
  CHECK(ReadStore(*MustOpen(folder / "db"), "key") == "foreign");
}

TEST_CASE("a database whose merge operator is not here opens only with it") {
  const TempFolder folder;
  rocksdb::Options options;
  options.merge_operator = std::make_shared<Concatenate>();
  {
    const auto db = OpenForeign(folder / "db", options);
    testing::CheckOk(db->Merge({}, "key", "a"));
    testing::CheckOk(db->Merge({}, "key", "b"));
  }
  const std::string file = OptionsFileOf(folder / "db");
  const Error refusal = {ErrorCode::kNotSupported,
                         "database " + folder / "db" + ": by " + file +
                             " column family \"default\" needs merge_operator "
                             "\"kvcache.test.Concatenate\", which this program does not have: give "
                             "it in rocksdb_options, or wrap the open database"};
  CHECK(WhyNot(folder / "db") == refusal);
  CHECK(WhyNot(folder / "db", ReadOnly()) == refusal);
  CHECK(ReadStore(*MustOpen(folder / "db", With(options)), "key") == "ab");
}

TEST_CASE("a database whose comparator is not here opens only with it") {
  const TempFolder folder;
  const testing::Shortlex shortlex;
  rocksdb::Options options;
  options.comparator = &shortlex;
  MakeForeign(folder / "db", options);
  const Error refusal = WhyNot(folder / "db");
  CHECK(refusal.code == ErrorCode::kNotSupported);
  CHECK(refusal.message.find("needs comparator \"kvcache.test.Shortlex\"") != std::string::npos);
  CHECK(ReadStore(*MustOpen(folder / "db", With(options)), "key") == "foreign");
}

TEST_CASE("an OPTIONS file shapes a new database") {
  const TempFolder folder;
  rocksdb::Options options;
  options.comparator = rocksdb::ReverseBytewiseComparator();
  options.num_levels = 3;
  MakeForeign(folder / "model", options);
  RocksDbOptions from_file;
  from_file.options_file = OptionsFileOf(folder / "model");
  const auto store = MustOpen(folder / "db", from_file);
  CHECK(store->Compare("a", "b") > 0);
  CHECK(Described(*store, "files_per_level") == "0 0 0");
}

TEST_CASE("the caller's RocksDB options win over an OPTIONS file") {
  const TempFolder folder;
  rocksdb::Options options;
  options.num_levels = 3;
  MakeForeign(folder / "model", options);
  RocksDbOptions both;
  both.options_file = OptionsFileOf(folder / "model");
  options.num_levels = 5;
  both.rocksdb_options = &options;
  CHECK(Described(*MustOpen(folder / "db", both), "files_per_level") == "0 0 0 0 0");
}

TEST_CASE("an OPTIONS file that is missing, or names what is not here, is refused") {
  const TempFolder folder;
  RocksDbOptions from_file;
  from_file.options_file = folder / "none";
  const Error missing = WhyNot(folder / "db", from_file);
  CHECK(missing.code == ErrorCode::kIoError);
  CHECK(missing.message.find("cannot load options from " + folder / "none") != std::string::npos);

  const testing::Shortlex shortlex;
  rocksdb::Options options;
  options.comparator = &shortlex;
  MakeForeign(folder / "model", options);
  from_file.options_file = OptionsFileOf(folder / "model");
  CHECK(WhyNot(folder / "db", from_file).code == ErrorCode::kNotSupported);
  CHECK_FALSE(std::filesystem::exists(folder / "db"));
}

// --- Databases that somebody else has open ---

std::size_t InfoLogs(const std::string& path) {
  const std::filesystem::directory_iterator files(path);
  return static_cast<std::size_t>(std::count_if(begin(files), end(files), [](const auto& file) {
    return file.path().filename().string().starts_with("LOG");
  }));
}

void CheckBusy(const std::string& path) {
  const std::size_t logs = InfoLogs(path);
  CHECK(WhyNot(path) ==
        Error{ErrorCode::kBusy, "database " + path +
                                    ": in use, by another process or this one; open it with "
                                    "read_only, or with secondary_path to follow what is written"});
  CHECK(InfoLogs(path) == logs);  // the holder's was not moved away
}

TEST_CASE("a database that this process has open is busy") {
  const TempFolder folder;
  const auto db = OpenForeign(folder / "db");
  CheckBusy(folder / "db");
}

TEST_CASE("a database that another process has open is busy") {
  const TempFolder folder;
  MakeForeign(folder / "db");
  const std::string lock_file = folder / "db/LOCK";
  int ready[2], done[2];
  REQUIRE(pipe(ready) == 0);
  REQUIRE(pipe(done) == 0);
  const pid_t child = fork();
  if (child == 0) {  // only system calls here: the parent may have had more threads
    close(done[1]);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    char byte = fcntl(open(lock_file.c_str(), O_RDWR), F_SETLK, &lock) == 0 ? 'y' : 'n';
    const bool told = write(ready[1], &byte, 1) == 1;
    while (told && read(done[0], &byte, 1) > 0) {
    }
    _exit(0);
  }
  char locked = 0;
  REQUIRE(read(ready[0], &locked, 1) == 1);
  CHECK(locked == 'y');
  CheckBusy(folder / "db");
  CHECK(ReadStore(*MustOpen(folder / "db", ReadOnly()), "key") == "foreign");
  close(done[1]);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK(ReadStore(*MustOpen(folder / "db"), "key") == "foreign");
  for (const int end : {ready[0], ready[1], done[0]}) close(end);
}

// As on a network file system whose server has no lock service.
class NoLocks : public rocksdb::FileSystemWrapper {
 public:
  NoLocks() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "kvcache.test.NoLocks"; }
  rocksdb::IOStatus LockFile(const std::string& name, const rocksdb::IOOptions&,
                             rocksdb::FileLock**, rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::IOError("While lock file: " + name, "No locks available");
  }
};

TEST_CASE("a database whose file system has no locks is not busy") {
  const TempFolder folder;
  MakeForeign(folder / "db");
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(std::make_shared<NoLocks>());
  rocksdb::Options options;
  options.env = env.get();
  CHECK(WhyNot(folder / "db", With(options)) ==
        Error{ErrorCode::kIoError, "database " + folder / "db" +
                                       ": cannot open: IO error: While lock file: " +
                                       folder / "db/LOCK: No locks available"});
}

TEST_CASE("damaged databases are corrupt, not absent") {
  const TempFolder folder;
  MakeForeign(folder / "db");
  std::ofstream(folder / "db/CURRENT") << "nonsense";
  CHECK(WhyNot(folder / "db").code == ErrorCode::kCorruption);
}

}  // namespace
}  // namespace kvcache
