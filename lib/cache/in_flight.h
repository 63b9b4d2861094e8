// InFlight: the writes and loads under way for the keys of one shard; the heart of coherence.
//
// The invariant it serves: an entry that can be hit equals the store's latest committed state of
// its key. Everything here happens under the shard's lock, so each step below is atomic to the
// others.
//
// A write of a key is registered from before its store write begins until after it ended. Writes of
// one key that overlap cross: nobody knows which the store took last, so none of them is cached.
//
// A read that misses while its key is being written reads the store alone: what it reads may be
// older than what a later reader has to see, so it is neither shared nor cached. Other reads of one
// key share one load. A load overtaken by a write or an invalidation is stale: detached from the
// table of loads, so that no later reader joins it, a newer load of the key can begin, and its own
// end, which goes by identity, cannot touch that one. Its readers all came before the write.
//
// A write of a scope (a range of keys, or all) crosses the writes and overtakes the loads in it,
// now and while it lasts.
//
// What GetOrCompute computes may be older than what others write meanwhile, so it has a lease of
// its key, from before it finds that absent. A write of the key by another thread that ends, or an
// invalidation (as which a scope's beginning counts), breaks it, and what was computed is not
// written then. A write that lasts does not: it may last longer than many computations, and wait
// for one.
#pragma once

#include <cassert>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "cache/flight_table.h"
#include "kvcache/error.h"
#include "kvcache/value.h"

namespace kvcache {

// Which keys a range write or an invalidation concerns.
using Scope = std::function<bool(std::string_view key)>;

// One lookup's answer, for which others wait.
class Answer {
 public:
  // Once, with no lock held. Never fails, or those who wait would do so for ever.
  void Publish(const Result<std::optional<Value>>& result);
  // What was published; waits for it. With no lock held.
  Result<std::optional<Value>> Wait();

 private:
  std::mutex mutex_;
  std::condition_variable published_;
  std::optional<Result<std::optional<Value>>> result_;
};

// One lookup's read of the store. Most loads nobody joins, and those allocate nothing for it.
struct Load {
  explicit Load(HashedKey hashed) : key(hashed) {}
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  const HashedKey key;
  // Under the shard's lock, until the load has ended: who joined, and what they wait for.
  std::size_t joined = 0;
  std::shared_ptr<Answer> answer = nullptr;  // null while nobody has joined
  Load* next = nullptr;                      // FlightTable's
};

// One write of a key.
struct KeyMark {
  HashedKey key;
  bool crossed = false;     // by another write of the key, of a scope, or by an invalidation
  KeyMark* next = nullptr;  // FlightTable's
};

// One computation of a key's value.
struct Lease {
  explicit Lease(HashedKey hashed) : key(hashed) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const HashedKey key;
  const std::thread::id thread = std::this_thread::get_id();
  bool broken = false;    // under the shard's lock
  Lease* next = nullptr;  // FlightTable's
};

// Loads, leases and marks lie with their callers, with the bytes of their keys, and stay where they
// are while they are registered.
class InFlight {
 public:
  InFlight() = default;
  // Else the cache is being destroyed while calls run.
  ~InFlight() { assert(writes_.empty() && loads_.empty() && leases_.empty() && scopes_.empty()); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  enum class Role : unsigned char {
    kAlone,  // reads the store for itself and caches nothing
    kJoins,  // waits for the answer of another's load, now in `load`
    kLoads,  // reads the store, then EndLoad, then publishes to `load.answer` if there is one
  };

  // A lookup has missed.
  Role BeginRead(Load& load);
  // True when what was loaded may be cached: nothing overtook it. To be cached before the lock
  // goes. Nobody joins from then on.
  bool EndLoad(Load& load);

  // Around one write of one key. EndWrite: true when what was written may be cached: no write
  // crossed it. To be cached before the lock goes.
  void BeginWrite(KeyMark& write);
  bool EndWrite(KeyMark& write);

  // Around one write of a scope. The scope is borrowed.
  void BeginScope(const Scope& scope);
  void EndScope(const Scope& scope);

  // Around one computation.
  void BeginLease(Lease& lease) { leases_.Insert(lease); }
  void EndLease(Lease& lease) { leases_.Remove(lease); }

  // The store changed behind the cache's back, before this call.
  void Invalidate(HashedKey key);
  void Invalidate(const Scope& scope);

 private:
  bool InScope(std::string_view key) const;
  bool Cross(HashedKey key);
  void Overtake(HashedKey key);
  void BreakLease(HashedKey key);
  void BreakLeases(const Scope& scope);

  FlightTable<KeyMark> writes_;
  FlightTable<Load> loads_;  // those that are not stale: one a key
  FlightTable<Lease> leases_;
  std::vector<const Scope*> scopes_;
};

}  // namespace kvcache
