// RocksDB as the store: any existing database, or one that the service already has open.
#pragma once

#include <memory>
#include <string>

#include "kvcache/error.h"
#include "kvcache/store.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
struct Options;
}  // namespace rocksdb

namespace kvcache {

// How to open a database. Keys and values are stored raw: other RocksDB programs read what this
// library writes and the other way round.
struct RocksDbOptions {
  // Column family to read and write. It must exist, but "default".
  std::string column_family = "default";

  // Create the database if there is none at the path. Ignored with read_only and secondary_path.
  bool create_if_missing = true;

  // Open for reading, beside a process that has it open for writing; writes fail with kReadOnly.
  // What the other process writes later is not seen.
  bool read_only = false;

  // Open as a secondary of the process that has it open for writing, keeping its own info log in
  // this directory, which must not be the database's; Cache::CatchUp follows the primary. Empty:
  // not a secondary.
  std::string secondary_path = {};

  // An OPTIONS file as RocksDB writes it: its database and column family options are used.
  std::string options_file = {};

  // The caller's RocksDB options; wins over options_file. With neither, those that the database was
  // last written with. `create_if_missing` is taken from above, and `max_open_files` is -1 where
  // the database is opened for reading or as a secondary. Borrowed for the duration of the call.
  const rocksdb::Options* rocksdb_options = nullptr;
};

// Opens the database at `path`. Errors name the path and what to do about it; kBusy when another
// process holds it, kNotSupported when it cannot be cached correctly, and why:
// a comparator under which different bytes can be equal, user timestamps, a compaction filter,
// TTL or FIFO compaction (data would vanish behind the cache's back), `unordered_write` and
// `inplace_update_support` (reads would not be linearizable).
Result<std::unique_ptr<Store>> OpenRocksDb(const std::string& path, const RocksDbOptions& options);

// Wraps a database that the service has open; `db` and `column_family` (null: the default one)
// are borrowed and must outlive the store. The same column family can be wrapped once at a time:
// kBusy. Whoever writes it past the cache must call Cache::Invalidate, or write under WriteWith.
// Of a wrapper such as TransactionDB, MultiGet reads key by key.
Result<std::unique_ptr<Store>> WrapRocksDb(rocksdb::DB* db,
                                           rocksdb::ColumnFamilyHandle* column_family = nullptr);

}  // namespace kvcache
