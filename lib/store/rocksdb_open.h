// Opening a database with a block cache of ours.
#pragma once

#include "kvcache/rocksdb.h"
#include "store/block_cache.h"

namespace kvcache {

// As the public one; all column families use `block_cache` in place of their own, unless it is
// null, and their memtables keep to its bound.
Result<std::unique_ptr<Store>> OpenRocksDb(const std::string& path, const RocksDbOptions& options,
                                           const std::shared_ptr<BlockCache>& block_cache);

}  // namespace kvcache
