#include "cache/writes.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace kvcache {

KeyWrites::KeyWrites(Protocol& cache, std::span<KeyWrite> writes, bool fill_tier)
    : cache_(cache), fill_tier_(fill_tier), writes_(writes) {
  if (writes_.size() < 2) return;
  for (std::size_t i = 0; i < writes_.size(); ++i) writes_[i].position = i;
  const auto group = [this](const KeyWrite& write) {
    return std::tuple(cache_.tier_.ShardIndex(write.key.hash), write.key.hash, write.key.key);
  };
  // Of one key the last write comes first, and unique() keeps it.
  std::ranges::sort(writes_, {}, [&](const KeyWrite& write) {
    return std::tuple(group(write), writes_.size() - write.position);
  });
  const auto repeated = std::ranges::unique(writes_, {}, group);
  writes_ = writes_.first(writes_.size() - repeated.size());
}

KeyWrites::~KeyWrites() {
  while (ended_ < begun_) {
    const auto writes = ShardFrom(ended_);
    EndShard(writes.first(std::min(writes.size(), begun_ - ended_)));
  }
}

// The writes from `at` on that share a shard.
std::span<KeyWrite> KeyWrites::ShardFrom(std::size_t at) const {
  const auto shard = [this](const KeyWrite& write) {
    return cache_.tier_.ShardIndex(write.key.hash);
  };
  std::size_t end = at + 1;
  while (end < writes_.size() && shard(writes_[end]) == shard(writes_[at])) ++end;
  return writes_.subspan(at, end - at);
}

void KeyWrites::Begin() {
  while (begun_ < writes_.size()) {
    const auto writes = ShardFrom(begun_);
    Shard& shard = cache_.ShardOf(writes[0].key);
    const std::lock_guard lock(shard.mutex());
    for (KeyWrite& write : writes) {
      const auto [hash, key] = write.key;
      cache_.LaneOf(write.key).in_flight.BeginWrite(write);
      ++begun_;
      if (Caches(write)) {
        write.withdrawn = cache_.tier_.Withdraw(shard, hash, key);
      } else {
        cache_.tier_.Drop(shard, hash, key);
      }
    }
  }
}

// What is known of the key after the write.
bool KeyWrites::Caches(const KeyWrite& write) const {
  using Outcome = KeyWrite::Outcome;
  return fill_tier_ && (write.outcome == Outcome::kPut ||
                        (write.outcome == Outcome::kDeleted && cache_.cache_absent_));
}

Entry* KeyWrites::NewEntry(const KeyWrite& write) const {
  if (!Caches(write)) return nullptr;
  const bool absent = write.outcome == KeyWrite::Outcome::kDeleted;
  return cache_.tier_.NewEntry(write.key, write.value, absent);
}

void KeyWrites::Commit() {
  while (ended_ < begun_) {
    const auto writes = ShardFrom(ended_);
    for (KeyWrite& write : writes) write.entry = NewEntry(write);
    EndShard(writes);
  }
  cache_.tier_.CollectIfDue();
}

// Ends the marks and links the entries, null where there is none, in one critical section.
void KeyWrites::EndShard(std::span<KeyWrite> writes) {
  Shard& shard = cache_.ShardOf(writes[0].key);
  {
    const std::lock_guard lock(shard.mutex());
    for (KeyWrite& write : writes) {
      const bool uncrossed = cache_.LaneOf(write.key).in_flight.EndWrite(write);
      ++ended_;
      if (!abandoned_) ++shard.counters().writes;
      const std::uint64_t hash = write.key.hash;
      if (write.entry != nullptr && uncrossed &&
          cache_.tier_.Link(shard, hash, *write.entry, write.withdrawn)) {
        write.entry->Unref();  // the tier has its own
        write.entry = nullptr;
      }
      if (write.withdrawn != nullptr) cache_.tier_.EndWithdrawal(shard, hash, *write.withdrawn);
    }
  }
  for (const KeyWrite& write : writes) {
    if (write.entry != nullptr) MemoryTier::Discard(*write.entry);
    if (write.withdrawn != nullptr && write.withdrawn->Unref()) FreeEntry(*write.withdrawn);
  }
}

KeyLease::KeyLease(Protocol& cache, HashedKey key) : cache_(cache), lease_(key) {
  const std::lock_guard lock(cache_.ShardOf(key).mutex());
  cache_.LaneOf(key).in_flight.BeginLease(lease_);
}

KeyLease::~KeyLease() {
  const std::lock_guard lock(cache_.ShardOf(key()).mutex());
  cache_.LaneOf(key()).in_flight.EndLease(lease_);
}

bool KeyLease::broken() const {
  const std::lock_guard lock(cache_.ShardOf(key()).mutex());
  return lease_.broken;
}

void ScopeWrites::Begin() {
  for (; begun_ < cache_.tier_.shards(); ++begun_) {
    const std::lock_guard lock(cache_.tier_.shard(begun_).mutex());
    cache_.lanes_[begun_].in_flight.BeginScope(scope_);
  }
  cache_.tier_.Sweep(scope_);
}

ScopeWrites::~ScopeWrites() {
  while (begun_ > 0) {
    --begun_;
    const std::lock_guard lock(cache_.tier_.shard(begun_).mutex());
    cache_.lanes_[begun_].in_flight.EndScope(scope_);
  }
}

}  // namespace kvcache
