// Databases as other RocksDB programs make them.
#pragma once

#include <doctest/doctest.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kvcache/rocksdb.h"

namespace kvcache::testing {

inline void CheckOk(const rocksdb::Status& status) {
  REQUIRE_MESSAGE(status.ok(), status.ToString());
}

inline std::unique_ptr<rocksdb::DB> OpenForeign(const std::string& path,
                                                rocksdb::Options options = {}) {
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  CheckOk(rocksdb::DB::Open(options, path, &db));
  return std::unique_ptr<rocksdb::DB>(db);
}

// A database with one pair, closed again.
inline void MakeForeign(const std::string& path, const rocksdb::Options& options = {}) {
  CheckOk(OpenForeign(path, options)->Put({}, "key", "foreign"));
}

inline std::unique_ptr<Store> MustOpen(const std::string& path,
                                       const RocksDbOptions& options = {}) {
  auto store = OpenRocksDb(path, options);
  REQUIRE_MESSAGE(store.has_value(), store.error().message);
  return std::move(*store);
}

// Why it does not open; fails the test when it does.
inline Error WhyNot(const std::string& path, const RocksDbOptions& options = {}) {
  const auto store = OpenRocksDb(path, options);
  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().message.find('\n') == std::string::npos);
  return store.error();
}

inline RocksDbOptions ReadOnly() {
  RocksDbOptions options;
  options.read_only = true;
  return options;
}

inline RocksDbOptions SecondaryAt(const std::string& folder) {
  RocksDbOptions options;
  options.secondary_path = folder;
  return options;
}

inline RocksDbOptions With(const rocksdb::Options& rocksdb_options) {
  RocksDbOptions options;
  options.rocksdb_options = &rocksdb_options;
  return options;
}

}  // namespace kvcache::testing
