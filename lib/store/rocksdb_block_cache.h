// RocksDB's side of BlockCache.
#pragma once

#include "store/block_cache.h"
#include "store/rocksdb_setup.h"

namespace kvcache {

// Puts it in place of the block caches of all column families that have one (PlainTable has none),
// and its bound of the memtables in place of the setup's.
void UseBlockCache(Setup& setup, const BlockCache& cache);

}  // namespace kvcache
