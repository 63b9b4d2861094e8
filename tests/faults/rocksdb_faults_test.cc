// What goes wrong below RocksDB: each fault's error says what and where, what is cached or intact
// is served, nothing wrong is read, and afterwards it works again, without opening where RocksDB
// can.
#include <doctest/doctest.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "faulty_file_system.h"
#include "harness.h"
#include "kvcache/cache.h"
#include "support/random_trace.h"
#include "support/rocksdb_db.h"
#include "support/temp_folder.h"
#include "support/test_env.h"
#include "support/text.h"
#include "support/watchdog.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kPairs = 200;

std::string Key(std::size_t i) { return "key" + std::to_string(1000 + i); }
std::string Content(std::size_t i) {
  return "value of " + Key(i) + std::string(60 + i % 40, static_cast<char>('a' + i % 26));
}

// A database whose files a test can spoil, and a cache over it.
class Stage {
 public:
  Stage() {
    rocksdb_options_.env = &env_;
    rocksdb_options_.write_buffer_size = std::size_t{64} << 10;
    rocksdb_options_.compression = rocksdb::kNoCompression;  // a flipped byte is one of a value
    rocksdb_options_.disable_auto_compactions = true;
  }

  std::string path() const { return folder_ / "db"; }
  FaultyFileSystem& files() { return *files_; }
  rocksdb::Options& rocksdb_options() { return rocksdb_options_; }

  Result<std::unique_ptr<Cache>> Open(bool read_only = false) {
    Options options;
    options.path = path();
    options.rocksdb.rocksdb_options = &rocksdb_options_;
    options.rocksdb.read_only = read_only;
    options.audit_one_in = 2;
    options.on_disagreement = [](std::string_view key) { FAIL_CHECK(key, " is wrong"); };
    return Cache::Open(options);
  }
  std::unique_ptr<Cache> MustOpen() {
    auto cache = Open();
    REQUIRE_MESSAGE(cache, Text(cache.error()));
    return *std::move(cache);
  }
  std::string WhyNot() {
    const auto cache = Open();
    REQUIRE_FALSE(cache.has_value());
    CHECK(cache.error().message.find('\n') == std::string::npos);
    return cache.error().message;
  }

  // kPairs pairs, in files or in the log, and closed again.
  void Fill(bool in_files) {
    auto cache = MustOpen();
    for (std::size_t i = 0; i < kPairs; ++i) {
      if (!cache->Put(Key(i), Content(i))) FAIL("Put");
    }
    cache.reset();
    if (in_files) MustOpen();  // what is in the log becomes a file
  }

  // The only file of the database with this extension; the largest if there are several.
  std::filesystem::path FileOf(std::string_view extension) const {
    std::filesystem::path largest;
    for (const auto& file : std::filesystem::directory_iterator(path())) {
      if (file.path().extension() != extension) continue;
      if (largest.empty() || file.file_size() > file_size(largest)) largest = file.path();
    }
    REQUIRE_FALSE(largest.empty());
    return largest;
  }

 private:
  const TempFolder folder_;
  const std::shared_ptr<FaultyFileSystem> files_ = std::make_shared<FaultyFileSystem>();
  TestEnv env_{files_};
  rocksdb::Options rocksdb_options_;
};

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void FlipByte(const std::filesystem::path& path, std::uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const auto flipped = static_cast<char>(file.get() ^ 0x40);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(flipped);
}

// Puts until one fails, and until flushes and their files are part of it.
std::string PutUntilError(Cache& cache) {
  for (int i = 0; i < 5000; ++i) {
    const auto put = cache.Put("filler" + std::to_string(i), std::string(100, 'f'));
    if (!put) return put.error().message;
  }
  return "";
}

constexpr std::string_view kReopen = "; it takes no more writes until it is opened again";

// RocksDB finds out on a thread of its own that there is room again. "ok", or why it will not:
// where the disk was full just when it began a log, it says that it has to be opened again.
std::string PutUntilItWorks(Cache& cache) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const std::string outcome = Text(cache.Put("after", "the fault"));
    if (outcome == "ok" || outcome.ends_with(kReopen)) return outcome;
    if (std::chrono::steady_clock::now() > deadline) return outcome;
    std::this_thread::yield();
  }
}

void CheckServes(Cache& cache) {
  CHECK(Look(cache, Key(0)) == Content(0) + ", hit");
  CHECK(Look(cache, Key(1)) == Content(1) + ", read");
}

FaultyFileSystem::Which PathsWith(const std::string& part) {
  return [part](const std::string& path) { return Contains(path, part); };
}

TEST_CASE("a full disk: what is there is read, and writes go on by themselves when there is room") {
  for (const char* part : {".log", ".sst", "MANIFEST"}) {
    CAPTURE(std::string(part));
    Stage stage;
    stage.Fill(true);
    auto cache = stage.MustOpen();
    CHECK(Text(cache->Get(Key(0))) == Content(0));
    // RocksDB goes on in a new log, if there is anything to be made a file of the old one.
    CHECK(Text(cache->Put("before", "the fault")) == "ok");
    stage.files().Fail(PathsWith(part), rocksdb::IOStatus::NoSpace("No space left on device"));
    const std::string error = PutUntilError(*cache);
    CHECK_MESSAGE(
        error.starts_with("database " + stage.path() + ": cannot write: the disk is full"), error);
    CHECK_MESSAGE(error.ends_with("; it takes writes again when there is room"), error);
    CheckServes(*cache);
    stage.files().Heal();
    if (PutUntilItWorks(*cache).ends_with(kReopen)) {
      cache.reset();
      cache = stage.MustOpen();
    }
    CHECK(PutUntilItWorks(*cache) == "ok");
    CHECK(Text(cache->Get("after")) == "the fault");
  }
}

TEST_CASE("a disk that fails: what is there is read, and writes go on once it is opened again") {
  for (const char* part : {".log", ".sst", "MANIFEST"}) {
    CAPTURE(std::string(part));
    Stage stage;
    stage.Fill(true);
    {
      const auto cache = stage.MustOpen();
      CHECK(Text(cache->Get(Key(0))) == Content(0));
      stage.files().Fail(PathsWith(part), rocksdb::IOStatus::IOError("Input/output error", "disk"));
      PutUntilError(*cache);
      const std::string error = PutUntilError(*cache);
      CHECK_MESSAGE(error.starts_with("database " + stage.path() + ": cannot write: IO error: "),
                    error);
      CHECK_MESSAGE(error.ends_with(kReopen), error);
      CheckServes(*cache);
      stage.files().Heal();
      CHECK_FALSE(cache->Put("k", "v"));
    }
    const auto cache = stage.MustOpen();
    CHECK(Text(cache->Put("k", "v")) == "ok");
    CHECK(Text(cache->Get(Key(1))) == Content(1));
  }
}

TEST_CASE("an info log that cannot be written: opening for writing is refused, and said why") {
  Stage stage;
  stage.Fill(true);
  stage.files().Fail(PathsWith("/LOG"), rocksdb::IOStatus::IOError("Permission denied", "LOG"));
  const std::string error = stage.WhyNot();
  CHECK_MESSAGE(error.starts_with("database " + stage.path() + ": cannot open: IO error: "), error);
  CHECK_MESSAGE(Contains(error, "LOG; opened for reading only, it needs no right to write"), error);
  {
    const auto cache = stage.Open(true);
    REQUIRE_MESSAGE(cache, Text(cache.error()));
    CHECK(Text((*cache)->Get(Key(7))) == Content(7));
  }
  stage.files().Heal();
  CHECK(Text(stage.MustOpen()->Get(Key(7))) == Content(7));
}

// Reads everything from a spoilt database: right or an error, never a wrong value. Returns how many
// are right.
std::size_t CountIntact(Cache& cache, const std::filesystem::path& file) {
  std::size_t intact = 0;
  for (std::size_t i = 0; i < kPairs; ++i) {
    for (int twice = 0; twice < 2; ++twice) {
      const auto value = cache.Get(Key(i));
      if (value) {
        CHECK(Text(value) == Content(i));
        if (twice == 0) ++intact;
        continue;
      }
      CHECK(value.error().code == ErrorCode::kCorruption);
      CHECK_MESSAGE(Contains(value.error().message, file.filename().string()),
                    value.error().message);
      CHECK_FALSE(Contains(value.error().message, Key(i)));
    }
  }
  return intact;
}

TEST_CASE("a flipped byte of a file of data: an error that names the file, the rest is read") {
  Stage stage;
  stage.Fill(true);
  const auto file = stage.FileOf(".sst");
  const std::uint64_t size = file_size(file);
  Random random(Seed());
  std::size_t served_beside_errors = 0;
  for (int i = 0; i < 40; ++i) {
    const std::uint64_t at = random() % size;
    CAPTURE(at);
    FlipByte(file, at);
    if (const auto cache = stage.Open(true)) {
      const std::size_t intact = CountIntact(**cache, file);
      if (intact != 0 && intact != kPairs) ++served_beside_errors;
    } else {
      CHECK(Contains(cache.error().message, "database " + stage.path()));
    }
    FlipByte(file, at);
  }
  CHECK(served_beside_errors > 0);
  const auto cache = stage.MustOpen();  // mended
  CHECK(CountIntact(*cache, file) == kPairs);
}

TEST_CASE(
    "a flipped byte in a file while it is open: hits are served, and reads once it is mended") {
  Stage stage;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  stage.rocksdb_options().table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  stage.Fill(true);
  const auto cache = stage.MustOpen();
  CHECK(Text(cache->Get(Key(0))) == Content(0));
  const auto file = stage.FileOf(".sst");
  FlipByte(file, 50);  // in the first block, which has Key(0) and Key(1)
  CHECK(Look(*cache, Key(0)) == Content(0) + ", hit");
  CHECK(Contains(Text(cache->Get(Key(1))), file.filename().string()));
  CHECK(Text(cache->Get(Key(kPairs - 1))) == Content(kPairs - 1));
  FlipByte(file, 50);
  CHECK(Text(cache->Get(Key(1))) == Content(1));
}

TEST_CASE("a flipped byte of the log: what comes after it is gone, or opening is refused") {
  Random random(Seed());
  for (int i = 0; i < 12; ++i) {
    Stage stage;
    stage.Fill(false);
    const auto file = stage.FileOf(".log");
    const std::uint64_t at = random() % file_size(file);
    CAPTURE(at);
    FlipByte(file, at);
    stage.rocksdb_options().wal_recovery_mode = rocksdb::WALRecoveryMode::kAbsoluteConsistency;
    const std::string error = stage.WhyNot();
    CHECK_MESSAGE(error.starts_with("database " + stage.path() + ": cannot open: Corruption: "),
                  error);
    stage.rocksdb_options().wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    const auto cache = stage.MustOpen();
    bool gone = false;
    for (std::size_t key = 0; key < kPairs; ++key) {
      const std::string value = Text(cache->Get(Key(key)));
      gone = gone || value == kAbsent;
      CHECK(value == (gone ? std::string(kAbsent) : Content(key)));
    }
    CHECK(gone);
  }
}

TEST_CASE("CURRENT is gone: refused, nothing is made in its place, and how to mend it is said") {
  Stage stage;
  stage.Fill(true);
  const auto manifest = [&] {
    for (const auto& file : std::filesystem::directory_iterator(stage.path())) {
      const std::string name = file.path().filename();
      if (name.starts_with("MANIFEST-")) return name;
    }
    return std::string();
  }();
  std::filesystem::remove(stage.path() + "/CURRENT");
  for (int twice = 0; twice < 2; ++twice) {
    CHECK(stage.WhyNot() == "database " + stage.path() + ": its file " + stage.path() +
                                "/CURRENT is gone: write the line " + manifest +
                                " into it, or restore the database from a backup");
  }
  std::ofstream(stage.path() + "/CURRENT") << manifest << '\n';
  CHECK(Text(stage.MustOpen()->Get(Key(7))) == Content(7));
}

TEST_CASE("MANIFEST is gone: refused, and said which") {
  Stage stage;
  stage.Fill(true);
  std::string manifest;
  std::ifstream(stage.path() + "/CURRENT") >> manifest;
  std::filesystem::rename(stage.path() + "/" + manifest, stage.path() + "/elsewhere");
  for (int twice = 0; twice < 2; ++twice) {
    const std::string error = stage.WhyNot();
    CHECK_MESSAGE(error.starts_with("database " + stage.path() + ": "), error);
    CHECK_MESSAGE(Contains(error, stage.path() + "/" + manifest), error);
  }
  std::filesystem::rename(stage.path() + "/elsewhere", stage.path() + "/" + manifest);
  CHECK(Text(stage.MustOpen()->Get(Key(7))) == Content(7));
}

// A clock of RocksDB's that goes back by a second at each look.
class BackwardClock : public SleeplessClock {
 public:
  const char* Name() const override { return "kvcache.test.BackwardClock"; }
  std::uint64_t NowMicros() override { return now_ -= 1'000'000; }
  std::uint64_t NowNanos() override { return 1000 * NowMicros(); }
  rocksdb::Status GetCurrentTime(std::int64_t* seconds) override {
    *seconds = static_cast<std::int64_t>(NowMicros() / 1'000'000);
    return rocksdb::Status::OK();
  }

 private:
  std::atomic<std::uint64_t> now_{2'000'000'000'000'000};
};

TEST_CASE("a clock that goes backwards changes nothing") {
  Stage stage;
  TestEnv env(std::make_shared<FaultyFileSystem>(), std::make_shared<BackwardClock>());
  stage.rocksdb_options().env = &env;
  for (int twice = 0; twice < 2; ++twice) {
    stage.Fill(true);
    const auto cache = stage.MustOpen();
    for (std::size_t i = 0; i < kPairs; ++i) {
      if (Look(*cache, Key(i)) != Content(i) + ", read") FAIL_CHECK(Key(i));
      if (Look(*cache, Key(i)) != Content(i) + ", hit") FAIL_CHECK(Key(i));
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
