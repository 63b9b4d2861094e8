// Shard: a hash table and the policy that orders its entries, under one lock.
//
// Floors meet here: the table knows keys, the policy knows nodes, and only the shard keeps the two
// in step. It allocates nothing and frees nothing: entries come from and go to the memory tier.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/ghost.h"
#include "base/polite_mutex.h"
#include "kvcache/policy.h"
#include "kvcache/stats.h"
#include "tier/admission.h"
#include "tier/entry.h"
#include "tier/table.h"

namespace kvcache {

// A policy in use. While policies are switched a shard has two: entries flagged kOddPolicy belong
// to the one of odd generation.
struct Ordering {
  std::unique_ptr<Policy> policy;
  bool touch_needs_lock = false;
  std::uint8_t parity = 0;  // 0 or Entry::kOddPolicy

  bool Has(const Entry& entry) const { return (entry.flags() & Entry::kOddPolicy) == parity; }
};

class alignas(64) Shard {
 public:
  // Without the lock, under an epoch::Guard.
  const Table& table() const { return table_; }
  const Ordering& ordering() const { return *ordering_.load(std::memory_order_acquire); }

  PoliteMutex& mutex() { return mutex_; }

  // Both before first use. The memory is borrowed. `ghost` is told who is evicted; borrowed; may be
  // null.
  void MakeTable(BucketMemory& memory, std::size_t shard) { table_.Init(memory, shard); }
  void Init(std::uint64_t seed, std::unique_ptr<Ordering> ordering, Ghost* ghost);

  // All that follows: under the lock.

  Entry* Find(std::uint64_t hash, std::string_view key) const { return table_.Find(hash, key); }
  void Touch(Entry& entry);

  // Makes the entry findable; its key must not be there. Takes no reference. Who must leave because
  // of entry_limit goes to `evicted`, unlinked; the caller retires them. May throw, `evicted`
  // filled and the entry not linked.
  void Link(std::uint64_t hash, Entry& entry, std::vector<Entry*>& evicted);
  // The opposite, for withdrawn entries too. The caller retires the entry.
  void Unlink(std::uint64_t hash, Entry& entry);
  // Makes the entry unfindable, but leaves it its place in the order for a new entry of its key. It
  // may be evicted meanwhile, and then is not withdrawn() any more.
  void Withdraw(std::uint64_t hash, Entry& entry);
  // Makes the entry findable in the place of a withdrawn one, which the caller retires. That is a
  // request like a hit.
  void LinkInPlace(std::uint64_t hash, Entry& entry, Entry& withdrawn);
  // Up to victims.size() entries, the coldest, until they make up `bytes`; unlinked. Returns how
  // many. The caller retires them.
  std::size_t Evict(std::span<Entry*> victims, std::uint64_t bytes);
  // Whether this very entry is findable here under this hash.
  bool Holds(std::uint64_t hash, const Entry& entry) const { return table_.Holds(hash, &entry); }
  // Puts a copy of a held entry in its place. The caller retires the old one.
  void Replace(std::uint64_t hash, Entry& old, Entry& copy);
  void Repair(std::uint32_t hits) {
    ordering_.load(std::memory_order_relaxed)->policy->Repair(hits);
  }

  // To be called before Link, and after many entries left: the old buckets when the table was
  // rebuilt, for the caller to give back when no reader can be in them; else null.
  Buckets* RebuildTableIfNeeded();

  // Switching policies, in this order; see MemoryTier::SetPolicy.
  std::size_t Settle(std::size_t from, std::size_t slice);
  void Publish(std::unique_ptr<Ordering> next);
  // Hands up to `slice` entries over to the published policy. Only when no reader can still be
  // calling the old policy's Touch. One that the policy has no memory for leaves, unlinked: the
  // caller retires it.
  struct Converted {
    bool done = false;
    Entry* left = nullptr;
  };
  Converted Convert(std::size_t slice);

  std::size_t entries() const { return table_.size(); }
  std::size_t withdrawn() const { return withdrawn_; }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // lock-free too
  // Bytes of table, order and history.
  std::size_t OverheadBytes() const;

  // Counters of what happens under the lock; hits are counted elsewhere, gauges are not kept here.
  ShardStats& counters() { return counters_; }
  Admission& admission() { return admission_; }

  // Most that Evict takes out at once.
  static constexpr std::size_t kMostEvicted = 256;

  // The most entries it may hold, or kNoEntryLimit and the bytes that are likely to be its share.
  // An entry's weight for the policy is 1 in the first case. Where that changes while there are
  // entries, a new policy must be published, and told the weights anew.
  static constexpr std::uint64_t kNoEntryLimit = ~std::uint64_t{0};
  void SetLimit(std::uint64_t entries, std::uint64_t bytes);
  std::uint64_t entry_limit() const { return entry_limit_; }

  // OverheadBytes() as last reported to the allocator.
  std::size_t reported_overhead = 0;

  Shard() = default;
  ~Shard() { delete ordering_.load(std::memory_order_relaxed); }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  std::uint64_t HashOf(const Entry& entry) const { return HashKey(entry.key(), seed_); }

 private:
  // How many must leave before one more fits by number.
  std::size_t Excess() const;
  bool counts_entries() const { return entry_limit_ != kNoEntryLimit; }
  void TellCapacity(const Ordering& ordering) const;
  std::uint32_t WeightOf(const Entry& entry) const;
  PolicyNode* NextVictim();
  Policy& PolicyOf(const Entry& entry);
  void Own(Entry& entry, const Ordering& ordering);
  void EnterTable(std::uint64_t hash, Entry& entry);
  void LeaveTable(std::uint64_t hash, Entry& entry);
  void Forget(std::uint64_t hash, Entry& entry);

  Table table_;
  std::atomic<Ordering*> ordering_{nullptr};
  alignas(64) PoliteMutex mutex_;
  std::uint64_t seed_ = 0;
  Ghost* ghost_ = nullptr;
  std::size_t withdrawn_ = 0;  // entries
  std::uint64_t entry_limit_ = 0;
  std::uint64_t byte_share_ = 0;
  std::unique_ptr<Ordering> draining_;
  std::atomic<std::uint64_t> bytes_{0};
  ShardStats counters_;
  Admission admission_;
};

}  // namespace kvcache
