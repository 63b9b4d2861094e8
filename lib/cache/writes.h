// The brackets around a write of the store that keep the memory tier coherent with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "cache/protocol.h"

namespace kvcache {

// One key's part in a write.
struct KeyWrite : KeyMark {
  enum class Outcome : std::uint8_t { kUnknown, kPut, kDeleted };

  explicit KeyWrite(HashedKey hashed, Outcome known = Outcome::kUnknown,
                    std::string_view written = {})
      : KeyMark{hashed}, outcome(known), value(written) {}

  Outcome outcome;           // what is known of the key once the store took the write
  std::string_view value;    // of kPut
  std::size_t position = 0;  // among the writes given; set by KeyWrites
  // Set by KeyWrites: what is to be cached, and whose place that takes.
  Entry* entry = nullptr;
  Entry* withdrawn = nullptr;
};

// Marks keys as being written, from Begin to Commit or destruction, and drops what is cached of
// them. The writes are borrowed, and so are the bytes that they view.
class KeyWrites {
 public:
  // Of several writes of one key the last counts. Reorders them. `fill_tier`: what will be known of
  // a key is cached.
  KeyWrites(Protocol& cache, std::span<KeyWrite> writes, bool fill_tier);
  ~KeyWrites();
  KeyWrites(const KeyWrites&) = delete;
  KeyWrites& operator=(const KeyWrites&) = delete;

  // Before the store is written. May throw std::bad_alloc; the destructor then ends what was begun.
  void Begin();
  // After the store took the write: what is known of a key goes into the tier, if it is to and no
  // other write crossed this one.
  void Commit();
  // Instead of writing the store. They are not counted then.
  void Abandon() { abandoned_ = true; }

 private:
  std::span<KeyWrite> ShardFrom(std::size_t at) const;
  void EndShard(std::span<KeyWrite> writes);
  bool Caches(const KeyWrite& write) const;
  Entry* NewEntry(const KeyWrite& write) const;

  Protocol& cache_;
  const bool fill_tier_;
  std::span<KeyWrite> writes_;  // grouped by shard
  std::size_t begun_ = 0;       // of writes_, from the front
  std::size_t ended_ = 0;
  bool abandoned_ = false;
};

// Has a lease of a key, from construction to destruction.
class KeyLease {
 public:
  KeyLease(Protocol& cache, HashedKey key);
  ~KeyLease();
  KeyLease(const KeyLease&) = delete;
  KeyLease& operator=(const KeyLease&) = delete;

  HashedKey key() const { return lease_.key; }
  bool broken() const;

 private:
  Protocol& cache_;
  Lease lease_;
};

// Marks every key in a scope as being written, from Begin to destruction, and drops what is cached
// of it. The scope is borrowed.
class ScopeWrites {
 public:
  ScopeWrites(Protocol& cache, const Scope& scope) : cache_(cache), scope_(scope) {}
  ~ScopeWrites();
  ScopeWrites(const ScopeWrites&) = delete;
  ScopeWrites& operator=(const ScopeWrites&) = delete;

  // As of KeyWrites.
  void Begin();

 private:
  Protocol& cache_;
  const Scope& scope_;
  std::size_t begun_ = 0;  // shards
};

}  // namespace kvcache
