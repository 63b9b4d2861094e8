// MemoryTier: the sharded, byte-bounded cache in memory, without the store and the protocol that
// keeps the two coherent (lib/cache).
//
// The hit path is Hit(), below, with Table::Find: hash, epoch guard, one bucket's line, the entry's
// line, the policy's mark in it, the bytes. It takes no lock, and writes no line that another
// reader writes but the entry's own mark, at most a few times a tick (see policy/ranked_policy.h),
// and, when a Value is made, the entry's reference count.
//
// Why that is right. The guard keeps memory that was reachable when it began from being reused, so
// an entry found may be read to its end, even if it is unlinked meanwhile. Entries are complete
// before the release store that links them, and immutable after it. A writer of a key clears its
// slot before it begins to write the store, so whoever begins a lookup after a write was seen by
// anyone finds no older value.
//
// Reuse of memory. An unlinked entry is retired: stamped with the epoch, freed by Collect() when no
// reader is left that could hold it. What is retired counts as used. When memory is wanted and
// there is none, MakeRoom evicts a few entries, collects, and where sizes have shifted empties a
// sparse slab by moving its entries. An entry for which there is no room is not cached. No call
// waits for readers but one that changes policy or capacity, or has no memory to queue what left.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/epoch.h"
#include "base/ghost.h"
#include "base/hash.h"
#include "kvcache/error.h"
#include "kvcache/stats.h"
#include "policy/tier_rules.h"
#include "tier/hit_counters.h"
#include "tier/policy_registry.h"
#include "tier/shard.h"
#include "tier/slab_allocator.h"

namespace kvcache {

// Frees an entry whose last reference is gone and that the tier does not hold.
void FreeEntry(Entry& entry);

struct TierOptions {
  std::uint64_t capacity = 0;          // bytes
  std::uint64_t capacity_entries = 0;  // if not 0, in place of bytes
  std::uint32_t shards = 1;            // a power of two
  std::uint32_t alignment = 16;
  bool exact_policy = false;
  std::uint64_t seed = 0;
  // One in so many hits, 0 or a power of two, is handed to `audit`, which takes over a reference to
  // the entry. Called without a lock or guard.
  std::uint64_t audit_one_in = 0;
  std::function<void(std::uint64_t hash, Entry& entry)> audit = nullptr;
  Ghost* ghost = nullptr;  // is told who is evicted, and takes of the capacity; borrowed; or null
};

// Thread-safe, but the destructor.
class MemoryTier {
 public:
  MemoryTier(const TierOptions& options, const PolicySpec& policy);
  ~MemoryTier();
  MemoryTier(const MemoryTier&) = delete;
  MemoryTier& operator=(const MemoryTier&) = delete;

  std::uint64_t Hash(std::string_view key) const { return HashKey(key, options_.seed); }
  std::size_t ShardIndex(std::uint64_t hash) const { return hash & (options_.shards - 1); }
  Shard& ShardOf(std::uint64_t hash) { return shards_[ShardIndex(hash)]; }
  Shard& shard(std::size_t index) const { return shards_[index]; }
  std::size_t shards() const { return options_.shards; }

  // Calls `use(entry)` and counts a hit, if the key is there. `use` runs under an epoch guard: it
  // copies, or takes a reference. False says only that the caller must look again under the lock.
  template <class Use>
  bool Hit(std::uint64_t hash, std::string_view key, Use&& use);
  // The same for up to kMostAhead keys, whose cache misses overlap: calls `use(entry)` or
  // `miss()` for each, in order; `miss` under the guard too.
  static constexpr std::size_t kMostAhead = 64;
  template <class Use, class Miss>
  void HitMany(std::span<const HashedKey> keys, Use&& use, Miss&& miss);

  // Whether the key is there: true, false for a remembered absence, nothing when the tier does not
  // know. Counts and touches nothing.
  std::optional<bool> Peek(std::uint64_t hash, std::string_view key) const;

  // A hit found under the shard's lock: counts and touches. The entry, with a reference, if the
  // caller is to audit it; else null.
  [[nodiscard]] Entry* HitLocked(std::uint64_t hash, Entry& entry);

  // Under the shard's lock, when a miss has been counted: whether what is loaded for it is to be
  // cached.
  bool Admits(std::uint64_t hash);
  // For the same miss: whether even when it cost next to nothing.
  bool AdmitsCheap(std::uint64_t hash);

  // A new entry with one reference, the caller's; null when the tier has no room for it. May evict,
  // so no shard's lock may be held.
  Entry* NewEntry(HashedKey key, std::string_view value, bool absent);
  // The same outside the tier, without a key, for values that are served and not cached.
  // Throws std::bad_alloc.
  Entry* NewLooseEntry(std::string_view value) const;
  // Gives up the reference to an entry that the tier does not hold (any more).
  static void Discard(Entry& entry);
  // The tier does not hold the entry (any more), but a Value does.
  static void Detach(Entry& entry);

  // Under the shard's lock: makes an entry findable, with a reference of the tier's own. The key
  // must not be there. False when the shard has no place for it.
  bool Link(Shard& shard, std::uint64_t hash, Entry& entry, Entry* withdrawn = nullptr);
  // Under the shard's lock: drops the key, if it is there.
  void Drop(Shard& shard, std::uint64_t hash, std::string_view key);

  // The same for a key that is being written: what the policy knows of it is not to be lost. Under
  // the shard's lock Withdraw drops the key and leaves the entry its place in the policy's order,
  // Link puts a new entry there, if the old one was not evicted meanwhile, and EndWithdrawal gives
  // the place up if it is still the old one's. Withdraw returns the entry, with a reference that
  // the caller gives up after that, or null.
  Entry* Withdraw(Shard& shard, std::uint64_t hash, std::string_view key);
  void EndWithdrawal(Shard& shard, std::uint64_t hash, Entry& withdrawn);
  // Drops every entry for which `in_scope(key)`; takes the locks itself, a slice at a time. Entries
  // linked meanwhile may stay.
  template <class InScope>
  void Sweep(InScope&& in_scope);

  void SetPolicy(const PolicySpec& policy);
  void SetCapacity(std::uint64_t bytes);
  void SetCapacityEntries(std::uint64_t entries);
  // As SetCapacity, but what is too much stays until others take its place, or GiveUp. Not beside
  // SetCapacity, nor where the capacity is in entries.
  void SetLimit(std::uint64_t bytes) { SetLimits(bytes, 0); }
  // Evicts a few entries if more is used than the limit; true when that was of use.
  bool GiveUp();
  std::uint64_t used() const { return slabs_->used(); }
  // What of it is charged to entries; the rest is tables, order, history and what is free in slabs.
  std::uint64_t charged() const;
  // False when nothing can be cached at all.
  bool enabled() const { return slabs_->limit() != 0; }

  // Frees what no reader can hold any more, the oldest first, about `most` entries of it; true when
  // that was anything. Without a lock held.
  bool Collect(std::uint64_t most = kNoLimit);
  // The same, if it has become much, in part: a change of capacity may have left thousands.
  void CollectIfDue();

  // Fills in everything but the latencies.
  Stats GetStats() const;

 private:
  struct Retired {
    Entry* entry = nullptr;      // or
    Buckets* buckets = nullptr;  // one of the two
    std::uint64_t stamp = 0;
  };

  // It deletes itself when its last user goes.
  struct EndUse {
    void operator()(SlabAllocator* slabs) const { slabs->RemoveUser(); }
  };

  static constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;
  static constexpr std::size_t kSlice = 256;  // entries handled under one hold of a lock
  static constexpr std::size_t kCollectBatch = 64;
  static constexpr std::size_t kCollectAtOnce = 256;  // by a call that wants something else
  static constexpr std::uint64_t kCollectAbove = std::uint64_t{128} << 10;  // retired bytes

  // What some hits are followed by, once the thread has left the guard.
  struct Due {
    std::uint64_t hash;
    bool repair;
    Entry* audited;  // with a reference; or null
  };

  // Marks the entry for the policy; null when that takes the lock.
  static Entry* Touch(const Shard& shard, Entry* entry);
  // True when something is due: DueAfter() knows what.
  bool CountHit(const epoch::ThreadSlot& thread, std::size_t shard, const Entry& entry,
                std::uint64_t& hits);
  Due DueAfter(std::uint64_t hits, std::uint64_t hash, Entry& entry) const;
  void Pay(const Due& due);
  Entry* ToAudit(std::uint64_t hits, Entry& entry) const;
  void Repair(std::uint64_t hash);

  PolicyContext Context() const;
  std::unique_ptr<Ordering> NewOrdering(const PolicySpec& policy) const;
  using Orderings = std::vector<std::unique_ptr<Ordering>>;  // one a shard
  Orderings NewOrderings(const PolicySpec& policy) const;
  // Of the present policy, when entries are to be counted, or bytes, that were not before: policies
  // then have to be told new weights. Else none.
  Orderings OrderingsFor(bool entries) const;
  void SetLimits(std::uint64_t bytes, std::uint64_t entries);
  void SwitchPolicy(std::span<std::unique_ptr<Ordering>> orderings);
  void FitTables();

  // For something that goes into `shard`, which gives up its own entries for it first.
  void* AllocateWithRoom(std::size_t size, Shard& shard);
  bool MakeRoom(std::size_t charge, Shard& shard);
  std::size_t EvictBatch(std::size_t charge, Shard& shard);
  Shard& NextShard();
  Shard* ShardToEvictFrom(Shard& shard);
  bool EmptySparseSlabs(std::size_t most, bool wait);
  bool EmptySparseSlab(std::vector<void*>& slabs, std::size_t& moved);
  void Move(Entry& entry);

  static std::size_t BytesOf(const Retired& retired);
  // Never fail.
  void Retire(std::span<Entry* const> entries);
  void Retire(Buckets& buckets);
  void FreeWithoutQueue(const Retired& retired);
  void Free(std::span<const Retired> batch);
  void ReportOverhead(Shard& shard);

  explicit MemoryTier(const TierOptions& options);

  const TierOptions options_;
  const std::uint64_t due_mask_;  // something is due after hits of whose number it has no bit
  BucketMemory buckets_;
  std::unique_ptr<Shard[]> shards_;
  HitCounters hits_;
  const std::unique_ptr<SlabAllocator, EndUse> slabs_;
  std::atomic<std::uint64_t> rotor_{0};
  std::atomic<std::uint64_t> retired_bytes_{0};

  std::mutex retired_mutex_;
  std::deque<Retired> retired_;
  std::uint64_t collected_ = 0;  // have left that queue

  std::mutex settings_mutex_;       // one change of policy or capacity at a time
  mutable std::mutex names_mutex_;  // what the settings are called
  std::string policy_name_;
  std::uint64_t capacity_ = 0;
  bool capacity_in_entries_ = false;
};

template <class Use>
bool MemoryTier::Hit(std::uint64_t hash, std::string_view key, Use&& use) {
  epoch::ThreadSlot& thread = epoch::ThisThread();
  Due due;
  bool any_due = false;
  {
    const epoch::Guard guard(thread);
    const std::size_t index = ShardIndex(hash);
    const Shard& shard = shards_[index];
    Entry* entry = Touch(shard, shard.table().Find(hash, key));
    if (entry == nullptr) return false;
    use(*entry);
    std::uint64_t hits = 0;
    any_due = CountHit(thread, index, *entry, hits);
    if (any_due) [[unlikely]] {
      due = DueAfter(hits, hash, *entry);
    }
  }
  if (any_due) [[unlikely]] {
    Pay(due);
  }
  return true;
}

template <class Use, class Miss>
void MemoryTier::HitMany(std::span<const HashedKey> keys, Use&& use, Miss&& miss) {
  assert(keys.size() <= kMostAhead);
  epoch::ThreadSlot& thread = epoch::ThisThread();
  std::array<Due, kMostAhead> due;
  std::size_t dues = 0;
  {
    const epoch::Guard guard(thread);
    std::array<Table::Bucket, kMostAhead> homes;
    std::array<Entry*, kMostAhead> guesses;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      homes[i] = ShardOf(keys[i].hash).table().Home(keys[i].hash);
      __builtin_prefetch(homes[i]);
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      guesses[i] = Table::Guess(homes[i], keys[i].hash);
      __builtin_prefetch(guesses[i]);
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto [hash, key] = keys[i];
      const std::size_t index = ShardIndex(hash);
      const Shard& shard = shards_[index];
      Entry* entry = Touch(shard, shard.table().Confirm(guesses[i], hash, key));
      if (entry == nullptr) {
        miss();
        continue;
      }
      use(*entry);
      std::uint64_t hits = 0;
      if (CountHit(thread, index, *entry, hits)) [[unlikely]] {
        due[dues++] = DueAfter(hits, hash, *entry);
      }
    }
  }
  for (std::size_t i = 0; i < dues; ++i) Pay(due[i]);
}

[[gnu::always_inline]] inline Entry* MemoryTier::Touch(const Shard& shard, Entry* entry) {
  if (entry == nullptr) return nullptr;
  const Ordering& ordering = shard.ordering();
  if (ordering.touch_needs_lock) [[unlikely]] {
    return nullptr;
  }
  if (ordering.Has(*entry)) [[likely]] {
    ordering.policy->Touch(entry->node());
  }
  return entry;
}

inline bool MemoryTier::CountHit(const epoch::ThreadSlot& thread, std::size_t shard,
                                 const Entry& entry, std::uint64_t& hits) {
  hits = hits_.Add(thread, shard, entry.absent());
  return (hits & due_mask_) == 0;
}

template <class InScope>
void MemoryTier::Sweep(InScope&& in_scope) {
  for (std::size_t i = 0; i < shards(); ++i) {
    Shard& shard = shards_[i];
    std::uint64_t version = 0;  // none
    for (std::size_t position = 0;;) {
      shard.mutex().GiveWay();
      const std::lock_guard lock(shard.mutex());
      if (shard.table().version() != version) position = 0;  // rebuilt: entries have moved
      version = shard.table().version();
      const std::size_t end = std::min(position + 8 * kSlice, shard.table().positions());
      for (; position < end; ++position) {
        Entry* entry = shard.table().At(position);
        if (entry == nullptr || !in_scope(entry->key())) continue;
        ++shard.counters().invalidations;
        shard.Unlink(shard.HashOf(*entry), *entry);
        Retire({&entry, 1});
      }
      if (position == shard.table().positions()) break;
    }
  }
  Collect();
}

}  // namespace kvcache
