// With what a RocksDB database is opened, and whether it can be cached.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/error.h"
#include "kvcache/rocksdb.h"

namespace kvcache {

// Fails for what would change data, or order reads and writes, behind the cache's back.
Result<void> CheckCacheable(const rocksdb::DBOptions& db,
                            const rocksdb::ColumnFamilyOptions& family, std::string_view where);

// So that the column family's memtables, of which one is flushed while another one is written to,
// take no more than so many bytes.
void LimitMemtables(rocksdb::ColumnFamilyOptions& family, std::size_t bytes);

struct Setup {
  rocksdb::DBOptions db;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;  // all that the database has
  bool noted = false;  // by the database itself, or the defaults; the caller has not given them

  // Null when there is none of that name.
  const rocksdb::ColumnFamilyDescriptor* Find(std::string_view name) const;
};

// The setup for the database at `path`, checked against what the database says of itself. `where`
// begins every message.
Result<Setup> PrepareSetup(const std::string& path, const RocksDbOptions& options,
                           rocksdb::Env* env, bool exists, std::string_view where);

}  // namespace kvcache
