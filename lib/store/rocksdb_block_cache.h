// RocksDB's side of BlockCache.
#pragma once

#include <rocksdb/db.h>

#include <cstddef>
#include <vector>

#include "store/block_cache.h"
#include "store/rocksdb_setup.h"

namespace kvcache {

// Puts it in place of the block caches of all column families that have one (PlainTable has none),
// and its bound of the memtables in place of the setup's. Returns how much write_buffer_size may be
// in each.
std::vector<std::size_t> UseBlockCache(Setup& setup, const BlockCache& cache);

// Of an open database, with all its column families.
struct Memtables {
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> families = {};
  std::vector<std::size_t> most = {};  // as UseBlockCache has it
};
// From now on they follow the cache's bound. Before another thread uses the cache.
void Follow(BlockCache& cache, Memtables memtables);

}  // namespace kvcache
