// Databases that cannot be cached correctly.
#include <doctest/doctest.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/utilities/db_ttl.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "support/rocksdb_db.h"
#include "support/shortlex.h"
#include "support/temp_folder.h"

namespace kvcache {
namespace {

using testing::MakeForeign;
using testing::OpenForeign;
using testing::ReadOnly;
using testing::TempFolder;
using testing::WhyNot;
using testing::With;

class KeepAll : public rocksdb::CompactionFilter {
 public:
  const char* Name() const override { return "kvcache.test.KeepAll"; }
};

class SloppyComparator : public testing::Shortlex {
 public:
  const char* Name() const override { return "kvcache.test.Sloppy"; }
  bool CanKeysWithDifferentByteContentsBeEqual() const override { return true; }
};

class TimestampComparator : public rocksdb::Comparator {
 public:
  TimestampComparator() : Comparator(8) {}
  int Compare(const rocksdb::Slice& a, const rocksdb::Slice& b) const override {
    return a.compare(b);
  }
  const char* Name() const override { return "kvcache.test.Timestamp"; }
  bool CanKeysWithDifferentByteContentsBeEqual() const override { return false; }
  void FindShortestSeparator(std::string*, const rocksdb::Slice&) const override {}
  void FindShortSuccessor(std::string*) const override {}
};

TEST_CASE("what cannot be cached correctly is refused, opened or wrapped") {
  static const KeepAll kFilter;
  static const SloppyComparator kSloppy;
  static const TimestampComparator kTimestamp;
  const std::map<std::string, std::function<void(rocksdb::Options&)>> cases = {
      {"its comparator can take different bytes for the same key",
       [](auto& options) { options.comparator = &kSloppy; }},
      {"its keys have user timestamps", [](auto& options) { options.comparator = &kTimestamp; }},
      {"a compaction filter (TTL is one) changes it without a write",
       [](auto& options) { options.compaction_filter = &kFilter; }},
      {"FIFO compaction drops keys without a write",
       [](auto& options) { options.compaction_style = rocksdb::kCompactionStyleFIFO; }},
      {"with unordered_write its reads are not linearizable",
       [](auto& options) { options.unordered_write = true; }},
      {"with inplace_update_support its reads are not linearizable",
       [](auto& options) {
         options.inplace_update_support = true;
         options.allow_concurrent_memtable_write = false;
       }},
  };
  for (const auto& [reason, spoil] : cases) {
    CAPTURE(reason);
    const TempFolder folder;
    rocksdb::Options options;
    spoil(options);
    const Error opened = WhyNot(folder / "new", With(options));
    CHECK(opened.code == ErrorCode::kNotSupported);
    CHECK(opened.message.starts_with("database " + folder / "new" +
                                     ": cannot be cached correctly: " + reason));
    CHECK_FALSE(std::filesystem::exists(folder / "new"));

    const auto db = OpenForeign(folder / "db", options);
    const auto wrapped = WrapRocksDb(db.get());
    REQUIRE_FALSE(wrapped.has_value());
    CHECK(wrapped.error().code == ErrorCode::kNotSupported);
    CHECK(wrapped.error().message.find(reason) != std::string::npos);
  }
}

TEST_CASE("a database written with a compaction filter or TTL is refused") {
  const TempFolder folder;
  const KeepAll filter;
  rocksdb::Options options;
  options.compaction_filter = &filter;
  MakeForeign(folder / "filtered", options);
  CHECK(
      WhyNot(folder / "filtered") ==
      Error{ErrorCode::kNotSupported,
            "database " + folder / "filtered" +
                ": cannot be cached correctly: compaction_filter \"kvcache.test.KeepAll\" changes "
                "it without a write"});

  rocksdb::Options creating;
  creating.create_if_missing = true;
  rocksdb::DBWithTTL* ttl = nullptr;
  testing::CheckOk(rocksdb::DBWithTTL::Open(creating, folder / "ttl", &ttl, 3600));
  const std::unique_ptr<rocksdb::DB> db(ttl);
  CHECK(WrapRocksDb(ttl).error().code == ErrorCode::kNotSupported);
  CHECK(WhyNot(folder / "ttl", ReadOnly()).message.find("TtlCompactionFilterFactory") !=
        std::string::npos);
}

}  // namespace
}  // namespace kvcache
