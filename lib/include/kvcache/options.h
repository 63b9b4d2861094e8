// Options: how a cache is opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "kvcache/error.h"
#include "kvcache/rocksdb.h"

namespace kvcache {

struct Options {
  // Directory of the RocksDB database. Not used when a Store is given to Cache::Open.
  std::string path = {};

  // How the database is opened.
  RocksDbOptions rocksdb = {};

  // Memory tier, in bytes of real memory: entries, their headers and rounding, tables, order and
  // history together. 0: no tier, every read goes to the store.
  std::uint64_t capacity = std::uint64_t{64} << 20;

  // In place of bytes, a number of entries of any size: to compare with published miss ratios.
  // Shared out among the shards: with fewer entries than shards some shards hold none.
  // 0: `capacity` counts.
  std::uint64_t capacity_entries = 0;

  // Eviction policy and its parameters: "lru", "lfu", "lru-k:k=2". RegisteredPolicies() has all.
  std::string policy = "lru";

  // Parts of the tier with a lock each, fixed while open; a power of two up to 1024.
  // 0: four for each processor.
  std::uint32_t shards = 0;

  // Remember in the tier also that the store does not have a key.
  bool cache_absent = false;

  // Alignment of a Value's data: 16 or 64.
  std::uint32_t value_alignment = 16;

  // Exact eviction order, as the reference simulators define it; slower. Only meaningful with one
  // shard and one thread.
  bool exact_policy = false;

  // The first thing wrong with these options, or nothing. Cache::Open calls it.
  Result<void> Validate() const;
};

}  // namespace kvcache
