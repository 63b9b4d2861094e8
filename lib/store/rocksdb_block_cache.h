// RocksDB's side of BlockCache.
#pragma once

#include <rocksdb/options.h>

#include "store/block_cache.h"

namespace kvcache {

// A copy of the table factory with this block cache in place of its own. One that has no block
// cache, PlainTable's for example, comes back as it is.
std::shared_ptr<rocksdb::TableFactory> WithBlockCache(
    const std::shared_ptr<rocksdb::TableFactory>& factory, const BlockCache& cache);

}  // namespace kvcache
