// Table: a shard's hash table. Readers take no lock; writers hold the shard's.
//
// Slots of 8 bytes hold a 16-bit tag of the hash and an entry's address. Eight slots are a bucket,
// one cache line; a full one overflows into others (Probe). Each counts the entries that wanted it
// and went on, in the low bits of its first slot, which addresses do not use (entries lie 8 beyond
// a multiple of 16): a lookup goes on only while that count is not 0. So erasing frees a slot
// without tombstone or shifting, and an entry never changes its slot but when the table is rebuilt.
// The count sticks at its largest value, which costs later lookups one more bucket, never an entry.
//
// Memory order: a slot is stored with release after the entry is complete, and loaded with acquire.
// A reader may miss an entry that is being inserted or rebuilt around it; it asks again under the
// lock before it believes a miss. It finds no entry whose slot was cleared before it began.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "tier/buckets.h"
#include "tier/entry.h"
#include "tier/tag_match.h"

namespace kvcache {

class Table {
 public:
  Table() = default;
  ~Table() {
    if (memory_ != nullptr) memory_->GiveBack(buckets_.load(std::memory_order_relaxed));
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Before first use: the table of this number, of those that have their buckets there. Throws
  // std::bad_alloc.
  void Init(BucketMemory& memory, std::size_t number) {
    number_ = number;
    buckets_.store(memory.Take(number, 1), std::memory_order_relaxed);
    memory_ = &memory;
  }

  // Null when there is none, or (without the lock) when a writer is at work beside us.
  [[gnu::always_inline]] Entry* Find(std::uint64_t hash, std::string_view key) const {
    return Confirm(Guess(Home(hash), hash), hash, key);
  }

  // Find in three steps, each of which reads a cache line that the one before knew the address of:
  // lookups of many keys take each step for all of them, and their cache misses overlap.
  using Bucket = const std::atomic<std::uint64_t>*;  // its 8 slots
  Bucket Home(std::uint64_t hash) const {
    const Buckets* buckets = buckets_.load(std::memory_order_acquire);
    return buckets->slots + Probe(hash, *buckets).bucket() * 8;
  }
  // The first entry of the hash's tag, which nearly always is the one; may be null.
  [[gnu::always_inline]] static Entry* Guess(Bucket home, std::uint64_t hash) {
    const unsigned matches = MatchTags(home, Tag(hash));
    if (matches == 0) [[unlikely]] {
      return nullptr;
    }
    Entry* entry = EntryIn(home[std::countr_zero(matches)].load(std::memory_order_acquire));
    Entry::PrefetchValue(entry);
    return entry;
  }
  [[gnu::always_inline]] Entry* Confirm(Entry* guess, std::uint64_t hash,
                                        std::string_view key) const {
    if (guess != nullptr && guess->HasKey(key)) [[likely]] {
      return guess;
    }
    return FindAnywhere(hash, key);
  }

  std::size_t size() const { return size_; }
  std::size_t MemoryBytes() const { return buckets_.load(std::memory_order_relaxed)->bytes; }
  // As in Buckets: since the last rebuild.
  std::size_t longest_probe() const {
    return buckets_.load(std::memory_order_relaxed)->longest_probe.load(std::memory_order_relaxed);
  }

  // Whether another entry wants a larger table, or a much smaller one would do.
  bool WantsRebuild() const { return (size_ + 1) * 8 > positions() * 7 || sparse(); }
  // So large for its entries that it should become smaller.
  bool sparse() const { return positions() > 512 && size_ * 4 < positions(); }

  // Into as many buckets as the entries want, with room to grow by a half. `hash_of` gives an
  // entry's hash. Returns the old buckets, for the caller to give back when no reader can be in
  // them.
  template <class HashOf>
  Buckets* Rebuild(HashOf&& hash_of) {
    Buckets* old = buckets_.load(std::memory_order_relaxed);
    Buckets* grown = memory_->Take(number_, (size_ + size_ / 2) / 7 + 4);
    constexpr std::size_t kAhead = 16;
    const std::size_t slots = old->count * 8;
    for (std::size_t i = 0; i < slots; ++i) {
      if (i + kAhead < slots) {
        const std::uint64_t ahead = old->slots[i + kAhead].load(std::memory_order_relaxed);
        if (HasEntry(ahead)) __builtin_prefetch(EntryIn(ahead));
      }
      const std::uint64_t slot = old->slots[i].load(std::memory_order_relaxed);
      if (HasEntry(slot)) Place(*grown, hash_of(*EntryIn(slot)), EntryIn(slot));
    }
    buckets_.store(grown, std::memory_order_release);
    ++version_;
    return old;
  }

  // Asks for the line that Insert, Erase or Find of this hash reads first.
  void Prefetch(std::uint64_t hash) const { __builtin_prefetch(Home(hash)); }

  // The key must not be there, and WantsRebuild() must have been seen to.
  void Insert(std::uint64_t hash, Entry* entry) {
    Place(*buckets_.load(std::memory_order_relaxed), hash, entry);
    ++size_;
  }

  // The entry must be there.
  void Erase(std::uint64_t hash, const Entry* entry) {
    Buckets& buckets = *buckets_.load(std::memory_order_relaxed);
    std::atomic<std::uint64_t>* slot = FindSlot(buckets, hash, entry);
    slot->store(slot->load(std::memory_order_relaxed) & kOverflowMask, std::memory_order_release);
    const auto at = static_cast<std::size_t>(slot - buckets.slots) / 8;
    for (Probe probe(hash, buckets); probe.bucket() != at; probe.Next()) {
      AddOverflow(buckets, probe.bucket(), -1);
    }
    --size_;
  }

  // Whether this very entry is in the table.
  bool Holds(std::uint64_t hash, const Entry* entry) const {
    return FindSlot(*buckets_.load(std::memory_order_relaxed), hash, entry) != nullptr;
  }

  // Puts `now` where `old` is.
  void Replace(std::uint64_t hash, const Entry* old, Entry* now) {
    auto* slot = FindSlot(*buckets_.load(std::memory_order_relaxed), hash, old);
    slot->store(Pack(hash, now) | (slot->load(std::memory_order_relaxed) & kOverflowMask),
                std::memory_order_release);
  }

  // Positions for passes over all entries that let go of the lock now and then: an entry keeps its
  // position until the table is rebuilt, when version() changes.
  std::size_t positions() const { return buckets_.load(std::memory_order_relaxed)->count * 8; }
  std::uint64_t version() const { return version_; }
  Entry* At(std::size_t position) const {
    const std::uint64_t slot =
        buckets_.load(std::memory_order_relaxed)->slots[position].load(std::memory_order_relaxed);
    return HasEntry(slot) ? EntryIn(slot) : nullptr;
  }

 private:
  static constexpr std::uint64_t kOverflowMask = 7;
  static constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << kTagShift) - 1 - kOverflowMask;

  // The shard is chosen by the lowest bits of the hash, the bucket by the highest.
  static std::uint16_t Tag(std::uint64_t hash) { return static_cast<std::uint16_t>(hash >> 10); }
  static std::uint64_t Pack(std::uint64_t hash, const Entry* entry) {
    const auto address = reinterpret_cast<std::uintptr_t>(entry);
    assert((address & ~kAddressMask) == 0);
    return (std::uint64_t{Tag(hash)} << kTagShift) | address;
  }
  static bool HasEntry(std::uint64_t slot) { return (slot & kAddressMask) != 0; }
  static Entry* EntryIn(std::uint64_t slot) {
    return reinterpret_cast<Entry*>(slot & kAddressMask);
  }

  // The buckets where a hash's entry may be: the first by the hash's highest bits, the others as if
  // at random, so that full buckets do not grow together.
  class Probe {
   public:
    Probe(std::uint64_t hash, const Buckets& buckets) : hash_(hash), count_(buckets.count) {}
    std::size_t bucket() const { return ScaleHash(hash_, count_); }
    void Next() { hash_ *= 0x9E3779B97F4A7C15; }

   private:
    std::uint64_t hash_;
    const std::size_t count_;
  };

  [[gnu::noinline]] Entry* FindAnywhere(std::uint64_t hash, std::string_view key) const {
    const Buckets& buckets = *buckets_.load(std::memory_order_acquire);
    Probe probe(hash, buckets);
    for (std::size_t probes = 1;; ++probes, probe.Next()) {
      const Bucket slots = buckets.slots + probe.bucket() * 8;
      for (unsigned matches = MatchTags(slots, Tag(hash)); matches != 0; matches &= matches - 1) {
        Entry* entry = EntryIn(slots[std::countr_zero(matches)].load(std::memory_order_acquire));
        if (entry != nullptr && entry->HasKey(key)) return entry;
      }
      if (IsLast(buckets, probes, slots)) return nullptr;
    }
  }

  // Whether no entry that wants this bucket, the so manieth looked at, is in a later one.
  static bool IsLast(const Buckets& buckets, std::size_t probes, Bucket slots) {
    return (slots[0].load(std::memory_order_relaxed) & kOverflowMask) == 0 ||
           probes >= buckets.longest_probe.load(std::memory_order_relaxed);
  }

  static void Place(Buckets& buckets, std::uint64_t hash, Entry* entry) {
    Probe probe(hash, buckets);
    for (std::size_t probes = 1;; ++probes, probe.Next()) {
      const std::size_t first = probe.bucket() * 8;
      for (std::size_t i = first; i < first + 8; ++i) {
        const std::uint64_t slot = buckets.slots[i].load(std::memory_order_relaxed);
        if (HasEntry(slot)) continue;
        if (probes > buckets.longest_probe.load(std::memory_order_relaxed)) {
          buckets.longest_probe.store(probes, std::memory_order_relaxed);
        }
        buckets.slots[i].store(Pack(hash, entry) | slot, std::memory_order_release);
        return;
      }
      AddOverflow(buckets, probe.bucket(), 1);
    }
  }

  static void AddOverflow(Buckets& buckets, std::size_t bucket, int change) {
    std::atomic<std::uint64_t>& slot = buckets.slots[bucket * 8];
    const std::uint64_t value = slot.load(std::memory_order_relaxed);
    if ((value & kOverflowMask) == kOverflowMask) return;
    slot.store(change > 0 ? value + 1 : value - 1, std::memory_order_release);
  }

  static std::atomic<std::uint64_t>* FindSlot(Buckets& buckets, std::uint64_t hash,
                                              const Entry* entry) {
    Probe probe(hash, buckets);
    for (std::size_t probes = 1;; ++probes, probe.Next()) {
      std::atomic<std::uint64_t>* slots = buckets.slots + probe.bucket() * 8;
      for (int i = 0; i < 8; ++i) {
        const std::uint64_t slot = slots[i].load(std::memory_order_relaxed);
        if (HasEntry(slot) && EntryIn(slot) == entry) return slots + i;
      }
      if (IsLast(buckets, probes, slots)) return nullptr;
    }
  }

  std::atomic<Buckets*> buckets_{nullptr};  // what readers need, published in one pointer
  alignas(64) std::size_t size_ = 0;        // off the line that hits read
  std::uint64_t version_ = 1;               // counts rebuilds
  BucketMemory* memory_ = nullptr;          // borrowed
  std::size_t number_ = 0;
};

}  // namespace kvcache
