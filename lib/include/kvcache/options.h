// Options: how a cache is opened, and how it records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kvcache/error.h"
#include "kvcache/rocksdb.h"

namespace kvcache {

struct Options {
  // Directory of the RocksDB database. Not used when a Store is given to Cache::Open.
  std::string path = {};

  // How the database is opened.
  RocksDbOptions rocksdb = {};

  // Memory tier, in bytes of real memory: entries, their headers and rounding, tables, order and
  // history together. What tables and order grow by may exceed it until insertions that follow have
  // evicted for it. 0: no tier, every read goes to the store.
  std::uint64_t capacity = std::uint64_t{64} << 20;

  // In place of bytes, a number of entries of any size: to compare with published miss ratios.
  // Shared out among the shards: with fewer entries than shards some shards hold none.
  // 0: `capacity` counts.
  std::uint64_t capacity_entries = 0;

  // In place of `capacity`: bytes for the tier, RocksDB's block cache and its memtables together.
  // Memtables get an eighth, from 128 KiB to 128 MiB. The caches share the rest as the workload
  // goes: memory goes where it saves the most time, by what each side has lately evicted and would
  // have to read again, and by what reads are measured to cost. Stats::split tells. In all column
  // families of the database it replaces block cache and write buffer manager, and
  // write_buffer_size where that is larger, or comes from the database's own OPTIONS file, which
  // may be that of an earlier budget; an opening without a budget takes over what is noted there.
  // Index and filter blocks come on top, unless cache_index_and_filter_blocks puts them into the
  // block cache. Only for a database that Cache::Open opens itself. 0: none.
  std::uint64_t memory_budget = 0;

  // Share that the tier has of what a memory budget leaves for caches, from 0 to 1. Unset: found
  // and followed; gets then do not fill the block cache where most pairs are larger than half a
  // block, so that nothing is kept twice.
  std::optional<double> tier_share = std::nullopt;

  // Eviction policy and its parameters: "lru", "lfu", "lru-k:k=2". RegisteredPolicies() has all.
  // Of those whose hits take no lock, the default misses least over the traces of
  // bench/POLICIES.md.
  std::string policy = "s3-fifo";

  // Parts of the tier with a lock each, fixed while open; a power of two up to 1024.
  // 0: four for each processor, or as many as leave 32 MiB of capacity, or 256 Ki entries, to each;
  // but one for a MiB, or 1024 entries, at most. Of the capacity at Open: a cache that begins with
  // none and is to grow needs a number here.
  std::uint32_t shards = 0;

  // Remember in the tier also that the store does not have a key.
  bool cache_absent = false;

  // Bytes to be read ahead of a thread whose misses ascend, key after key: one scan of the store
  // then answers many loads. At most, and no more than a 256th of `capacity` or `memory_budget`, on
  // top of which they come; for each of up to 16 threads. 0: none, each load reads the store.
  std::uint64_t read_ahead = std::uint64_t{64} << 10;

  // Alignment of a Value's data: 16 or 64.
  std::uint32_t value_alignment = 16;

  // Exact eviction order, as the reference simulators define it, and everything that misses is
  // cached; slower, as hits take the lock. Only meaningful with one shard and one thread.
  bool exact_policy = false;

  // Audit: one in so many hits reads the key from the store as well, and compares; rounded up to a
  // power of two, counted by each thread and shard for itself. 0: none. Says whether the store is
  // written past the cache without Invalidate. An audited hit costs a read of the store, of which
  // an error is ignored; a writer of the key meanwhile makes it void. Stats counts audits and
  // disagreements; a key that disagrees is dropped from the tier. What never was in the tier, such
  // as an old value out of a load that was shared, or half of a batch, no audit sees.
  std::uint64_t audit_one_in = 0;
  // Called, on the thread whose hit it was and with no lock held, for each disagreement. What it
  // throws goes no further.
  std::function<void(std::string_view key)> on_disagreement = nullptr;

  // The first thing wrong with these options, or nothing. Cache::Open calls it.
  Result<void> Validate() const;
};

// How lookups are recorded (Cache::StartRecording).
struct RecordOptions {
  // File to write, compressed if its name ends in ".gz" or ".zst".
  std::string path = {};

  // Share of the keys whose lookups are recorded, above 0 and up to 1. A key's lookups are recorded
  // all or none, by its hash. Of such a trace a cache of `sample` times the size has about the hit
  // ratio that the whole one has of all lookups. The file does not say it: its name may.
  double sample = 0.01;

  // Replace the file if it exists. What a symbolic link points to is never replaced.
  bool replace = false;

  // When 4 MiB are still to be written: lookups to be recorded wait. Otherwise the recording ends
  // with an error, so that a slow disk slows nobody down.
  bool wait = false;

  // The first thing wrong with these options, or nothing. Cache::StartRecording calls it.
  Result<void> Validate() const;
};

}  // namespace kvcache
