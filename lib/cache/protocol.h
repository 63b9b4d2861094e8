// Protocol: the read-through protocol over one store and one memory tier.
//
// Locks: a shard's lock also guards what is in flight for its keys. One shard's lock at a time,
// never while the store is called or an entry is made (which may evict).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "cache/in_flight.h"
#include "cache/memory_split.h"
#include "cache/read_ahead.h"
#include "cache/recorder.h"
#include "kvcache/cache.h"
#include "tier/memory_tier.h"

namespace kvcache {

// writes.h
class KeyLease;
struct KeyWrite;

// Aligned, so that what a hit reads of it is two lines, the recorder's bound included.
class alignas(64) Protocol {
 public:
  // `split` is null when the tier has a capacity of its own. The seed is that of the keys' hashes.
  Protocol(const Options& options, const PolicySpec& policy, std::unique_ptr<Store> store,
           std::unique_ptr<MemorySplit> split = nullptr, std::uint64_t seed = RandomSeed());

  Result<std::optional<Value>> Get(std::string_view key);
  Result<bool> Get(std::string_view key, std::string& value);
  std::vector<Result<std::optional<Value>>> MultiGet(std::span<const std::string_view> keys);
  Result<bool> Contains(std::string_view key);
  Result<Value> GetOrCompute(std::string_view key,
                             const std::function<Result<std::string>()>& compute,
                             const WriteOptions& options);

  Result<void> Put(std::string_view key, std::string_view value, const WriteOptions& options);
  Result<void> Delete(std::string_view key, const WriteOptions& options);
  Result<void> Write(const Batch& batch, const WriteOptions& options);
  Result<void> WriteWith(std::span<const std::string_view> keys,
                         const std::function<Result<void>()>& commit);
  Result<void> WriteWith(const Scope& scope, const std::function<Result<void>()>& commit);
  Scope ScopeOf(const KeyRange& range) const;

  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit);

  void Invalidate(std::string_view key);
  void Invalidate(const Scope& scope);

  Stats GetStats();

  MemoryTier& tier() { return tier_; }
  Recorder& recorder() { return recorder_; }
  MemorySplit* split() { return split_.get(); }
  Store& store() { return *store_; }
  ReadAhead& read_ahead() { return read_ahead_; }

 private:
  friend class KeyLease;
  friend class KeyWrites;
  friend class ScopeWrites;

  // What belongs to a shard beside the tier's part; under the shard's lock.
  struct Lane {
    InFlight in_flight;
    LatencyHistogram load_latency;
    LatencyHistogram write_latency;
  };

  // A read of the store on behalf of one key.
  struct Fetch {
    explicit Fetch(HashedKey key) : load(key) {}

    Load load;
    InFlight::Role role = InFlight::Role::kAlone;
    bool caches = false;              // what it loads, if nothing overtakes it
    bool caches_cheap = false;        // the same when that reads no block; only of use with a split
    std::uint64_t blocks_before = 0;  // that the thread had missed
    bool ahead = false;               // found in what had been read ahead
    Entry* entry = nullptr;           // what was found, with one reference; null: nothing (yet)
    std::string_view value = {};      // in it
    std::optional<Error> error = std::nullopt;
    Entry* audited = nullptr;  // a hit to be compared with the store, with one reference
    std::size_t index = 0;     // among the keys of a MultiGet

    bool Joins() const { return role == InFlight::Role::kJoins; }
    // One of many that the tier has no use for: those that it caches tell enough of what they cost.
    bool Passes() const { return role == InFlight::Role::kLoads && !caches; }
  };

  struct StoreRead {
    std::uint64_t nanoseconds = 0;
    bool out_of_memory = false;
  };

  HashedKey Hashed(std::string_view key) const { return {tier_.Hash(key), key}; }
  Shard& ShardOf(HashedKey key) { return tier_.ShardOf(key.hash); }
  Lane& LaneOf(HashedKey key) { return lanes_[tier_.ShardIndex(key.hash)]; }

  void Audit(std::uint64_t hash, Entry& entry);
  // Whether the store disagrees, which the caller tells. Of a fetch, with a hit that is audited.
  bool Disagrees(std::uint64_t hash, const Entry& entry);
  bool Disagrees(const Fetch& fetch);
  void TellDisagreement(std::string_view key);
  std::optional<bool> StoreAgrees(const Entry& entry);
  Result<std::optional<Value>> Find(HashedKey key);
  Result<std::optional<Value>> FindAndRecord(HashedKey key);
  Result<bool> FindAndRecord(HashedKey key, std::string& value);
  void Record(HashedKey key, const Result<std::optional<Value>>& result);
  Result<std::optional<Value>> Read(HashedKey key);
  Result<std::optional<Value>> FindUntold(HashedKey key, bool& disagreed);
  bool FindAgain(Fetch& fetch, std::optional<Value>& found);
  Result<std::optional<Value>> Resolve(Fetch& fetch);
  StoreRead ReadStore(std::span<Fetch*> fetches);
  void TellSplit(std::span<Fetch* const> fetches, std::uint64_t nanoseconds,
                 const BlockCache::Misses& blocks);
  static void FailForMemory(std::span<Fetch* const> fetches, StoreRead& read);
  void GetFromStore(Fetch& fetch);
  void MultiGetFromStore(std::span<Fetch*> fetches);
  void Receive(Fetch& fetch, std::string_view value);
  Result<std::optional<Value>> Finish(Fetch& fetch, std::uint64_t nanoseconds);
  void FetchMissing(std::span<const HashedKey> keys, std::span<const std::size_t> missing,
                    std::span<Result<std::optional<Value>>> results);
  void CountRepeated(HashedKey key, const Result<std::optional<Value>>& result);
  Result<Value> FindOrCompute(std::string_view key,
                              const std::function<Result<std::string>()>& compute,
                              const WriteOptions& options);
  Result<std::optional<Value>> Compute(std::string_view key,
                                       const std::function<Result<std::string>()>& compute,
                                       const WriteOptions& options, bool& disagreed);
  Result<std::optional<Value>> ComputeAndPublish(
      const std::string& key, Answer& answer, const std::function<Result<std::string>()>& compute,
      const WriteOptions& options);
  Result<bool> PutUnder(const KeyLease& lease, std::string_view value, const WriteOptions& options);
  template <class Commit>
  Result<void> WriteKeys(std::span<KeyWrite> writes, bool fill_tier, Commit&& commit);
  // Calls `commit`, and counts its time in a lane; which one does not matter.
  template <class Commit>
  Result<void> WriteStore(std::size_t lane, Commit&& commit);

  const bool cache_absent_;
  const std::function<void(std::string_view key)> on_disagreement_;
  const std::unique_ptr<Store> store_;
  const std::unique_ptr<MemorySplit> split_;
  Recorder recorder_;
  MemoryTier tier_;
  const std::unique_ptr<Lane[]> lanes_;  // one a shard
  ReadAhead read_ahead_;

  // GetOrCompute: keys being computed.
  std::mutex computing_mutex_;
  std::unordered_map<std::string, std::shared_ptr<Answer>> computing_;
};

}  // namespace kvcache
