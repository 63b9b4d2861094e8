// Cache: a read-through, write-through cache over a persistent store.
//
//   auto cache = kvcache::Cache::Open({.path = "features.db", .policy = "lru-k:k=2"});
//   if (!cache) return Report(cache.error());
//   auto value = (*cache)->Get("user:42");  // Result<std::optional<Value>>
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/error.h"
#include "kvcache/options.h"
#include "kvcache/stats.h"
#include "kvcache/store.h"
#include "kvcache/value.h"

namespace kvcache {

class Protocol;  // internal (lib/cache/protocol.h)

// A lookup asks the memory tier; on a miss it asks the store and loads what it finds into the
// tier, where the eviction policy decides who leaves. Where that is full it loads one miss in
// sixteen while it hits hardly anything, and, with a memory_budget, of misses that the store
// answers from its own memory. A write goes to the store before it is acknowledged; there is no
// write-behind.
//
// Coherence: Get, Put, Delete, Write and Scan together are linearizable, under every policy and
// any number of threads. MultiGet is a set of Gets, each linearizable, not one snapshot.
// Whoever writes the store past the cache must Invalidate afterwards, or write under WriteWith.
//
// Thread-safety: every member may be called from many threads at once, but the destructor: while it
// runs no other call may. Values outlive the cache. Callbacks run on the calling thread, with no
// lock held.
//
// Processes: a child that fork() made must not use the cache, nor destroy it. One that only runs
// another program (exec) or ends by _exit changes nothing for its parent.
//
// Errors: those of the store, as they come. A full or small tier never makes a call fail. Without
// memory a call throws std::bad_alloc or does without the tier, which stays in order; who waits for
// another's load or computation gets kInternal then. tests/FAULTS.md has a table of what can fail.
//
// Sizes: keys of 16 MiB and values of 4 GiB, and more, are served from the store and never cached.
// RocksDB refuses keys of more than 1 GiB, as bounds of a scan too, and values of nearly 4 GiB.
//
// Rights: files are made as the process's umask says. Nothing of keys or values is written to info
// logs, and in messages there are only keys that the caller has given.
class Cache {
 public:
  // Opens RocksDB at options.path.
  static Result<std::unique_ptr<Cache>> Open(const Options& options);
  // Over a store of the caller's; options.path and options.rocksdb are not used.
  static Result<std::unique_ptr<Cache>> Open(const Options& options, std::unique_ptr<Store> store);

  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // The value without copying it; nullopt when the store has no such key.
  Result<std::optional<Value>> Get(std::string_view key);
  // Into `value`, reusing its memory; false, and `value` empty, when the store has no such key.
  // The cheapest way to read small values.
  Result<bool> Get(std::string_view key, std::string& value);

  // One answer a key, in order. Misses are read by one MultiGet of the store.
  std::vector<Result<std::optional<Value>>> MultiGet(std::span<const std::string_view> keys);

  // Whether the key exists; loads nothing, touches nothing, counts nothing.
  Result<bool> Contains(std::string_view key);

  // Of a key that is in the tier the policy takes it for a hit: what is written often stays.
  Result<void> Put(std::string_view key, std::string_view value, const WriteOptions& = {});
  Result<void> Delete(std::string_view key, const WriteOptions& = {});
  // Every key with begin <= key < end in the store's order. Costs a pass over the tier's entries.
  Result<void> DeleteRange(std::string_view begin, std::string_view end, const WriteOptions& = {});
  // All of the batch or nothing.
  Result<void> Write(const Batch& batch, const WriteOptions& = {});

  // Ordered, over a snapshot; streams from RocksDB in constant memory, the tier untouched.
  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit);

  // The value, or if the store has none, what `compute` returns, which is written through first.
  // Of callers that find the same key absent at once, one computes and the others wait for it; its
  // error is theirs. `compute` must not call GetOrCompute for the same key, nor for one whose
  // computation may wait for this one: they would wait for ever.
  // What is computed may be older than what others do to the key meanwhile. When a write of it, of
  // whatever outcome, has returned to another thread since it was found absent, or an invalidation
  // of it, nothing of what was computed is kept: the value that there is now is returned, or if
  // there is none, `compute` called again, as often as that happens; so it must not wait for
  // another thread's doing so each time. Only a write that has not returned when the computed value
  // goes to the store may still be replaced by it, and what `compute` itself writes, on its thread.
  Result<Value> GetOrCompute(std::string_view key,
                             const std::function<Result<std::string>()>& compute,
                             const WriteOptions& = {});

  // Runs `commit`, the caller's own write of the store (a transaction, Merge, ingestion), as a
  // write of exactly these keys, or of all keys in `range`: correct for every concurrent reader.
  Result<void> WriteWith(std::span<const std::string_view> keys,
                         const std::function<Result<void>()>& commit);
  Result<void> WriteWith(const KeyRange& range, const std::function<Result<void>()>& commit);

  // Drops what is cached, and makes sure that no read begun before this call is cached after it.
  void Invalidate(std::string_view key);
  void InvalidatePrefix(std::string_view prefix);
  void InvalidateAll();

  // Follows the primary of a secondary store; what changed is seen by reads that begin later. Drops
  // everything that is cached, as anything may have changed, and even when it fails. Errors:
  // kNotSupported when the store is no secondary.
  Result<void> CatchUp();

  // Live: contents are kept, coldest first, and hits go on meanwhile. Returns when converted.
  Result<void> SetPolicy(std::string_view policy);
  // Live: evicts what no longer fits. Returns when the memory is given back.
  Result<void> SetCapacity(std::uint64_t bytes);
  Result<void> SetCapacityEntries(std::uint64_t entries);

  // Live, where Options::memory_budget was given: shares out so many bytes, at first as now.
  Result<void> SetMemoryBudget(std::uint64_t bytes);

  // Records from now on what Get, MultiGet and GetOrCompute look up, of a sample of the keys, as a
  // trace for kvtool: a line `key,size` for each lookup, the size being the value's in bytes, and 1
  // where it is empty or there is none. A lookup that returned before another began stands before
  // it. None of a sampled key is missing but those that failed. A key is hex, 0x6B0A, if it is
  // empty, has a comma, control characters or bytes from 0xF8 on, or begins with 0x; one of more
  // than 1 KiB is its hash, XXH3, as hex. What happens later, a full disk say, ends the recording
  // and never fails a lookup: Stats and StopRecording tell. Costs a lookup that is not sampled a
  // comparison, and about 10 MiB. Errors: kInvalidArgument: while recording already, or a file that
  // exists; kIoError; kInternal where no thread can be had.
  Result<void> StartRecording(const RecordOptions& options);
  // Returns when the file is complete and on the disk. Errors: kInvalidArgument when there is no
  // recording; what has ended it, the first time. Closing the cache stops a recording too.
  Result<RecordingStats> StopRecording();

  Stats GetStats() const;

  // The store beneath, the cache's own. Who writes it must call Invalidate, or write under
  // WriteWith.
  Store& store();

 private:
  explicit Cache(std::unique_ptr<Protocol> protocol);

  std::unique_ptr<Protocol> protocol_;
};

}  // namespace kvcache
