// InFlight: the writes and loads under way for the keys of one shard; the heart of coherence.
//
// The invariant it serves: an entry that can be hit equals the store's latest committed state of
// its key. Everything here happens under the shard's lock, so each step below is atomic to the
// others.
//
// A write of a key has a record from before its store write begins until after it ended. Writes of
// one key that overlap cross: nobody knows which the store took last, so none of them is cached.
// `crossed` sticks until the last of the overlapping writes ends, because a write that begins when
// an earlier one has ended may still overlap a third.
//
// A read that misses while its key is being written reads the store alone: what it reads may be
// older than what a later reader has to see, so it is neither shared nor cached. Other reads of one
// key share one load. A load overtaken by a write or an invalidation is stale: detached from the
// table of loads, so that no later reader joins it, a newer load of the key can begin, and its own
// end, which goes by identity, cannot touch that one. Its readers all came before the write.
//
// A write of a scope (a range of keys, or all) crosses the writes and overtakes the loads in it,
// now and while it lasts.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "kvcache/error.h"
#include "kvcache/value.h"

namespace kvcache {

// Which keys a range write or an invalidation concerns.
using Scope = std::function<bool(std::string_view key)>;

// A read of the store that several lookups may wait for.
class Load {
 public:
  explicit Load(HashedKey key) : hash_(key.hash), key_(key.key) {}

  HashedKey key() const { return {hash_, key_}; }

  // Once, by the lookup that loads, with no lock held.
  void Publish(Result<std::optional<Value>> result);
  // What was published; waits for it. With no lock held.
  Result<std::optional<Value>> Wait();

  // Lookups that joined, beside the one that loads. Under the shard's lock.
  std::size_t joined = 0;

 private:
  const std::uint64_t hash_;
  const std::string key_;
  std::mutex mutex_;
  std::condition_variable published_;
  std::optional<Result<std::optional<Value>>> result_;
};

class InFlight {
 public:
  enum class Role : unsigned char {
    kAlone,  // reads the store for itself and caches nothing
    kJoins,  // waits for `load`
    kLoads,  // reads the store, then EndLoad, then publishes `load`
  };
  struct Reading {
    Role role;
    std::shared_ptr<Load> load;  // null when alone
  };

  // A lookup has missed.
  Reading BeginRead(HashedKey key);
  // True when what was loaded may be cached: nothing overtook it. To be cached before the lock
  // goes.
  bool EndLoad(const Load& load);

  // Around one write of one key. EndWrite: true when what was written may be cached: no write
  // crossed it. To be cached before the lock goes.
  void BeginWrite(HashedKey key);
  bool EndWrite(HashedKey key);

  // Around one write of a scope. The scope is borrowed.
  void BeginScope(const Scope& scope);
  void EndScope(const Scope& scope);

  // The store changed behind the cache's back, before this call.
  void Invalidate(HashedKey key);
  void Invalidate(const Scope& scope);

 private:
  struct WriteRecord {
    std::size_t writers = 0;
    bool crossed = false;
  };
  struct OwnedKey {
    std::uint64_t hash;
    std::string key;
  };
  struct Hasher {
    using is_transparent = void;
    std::size_t operator()(const OwnedKey& key) const { return key.hash; }
    std::size_t operator()(const HashedKey& key) const { return key.hash; }
  };
  struct Equal {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.hash == b.hash && a.key == b.key;
    }
  };

  bool InScope(std::string_view key) const;
  void Overtake(HashedKey key);

  std::unordered_map<OwnedKey, WriteRecord, Hasher, Equal> writes_;
  // Loads that are not stale. The keys are those of the loads.
  std::unordered_map<HashedKey, std::shared_ptr<Load>, Hasher, Equal> loads_;
  std::vector<const Scope*> scopes_;
};

}  // namespace kvcache
