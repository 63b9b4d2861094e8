#include "cache/writes.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace kvcache {

KeyWrites::KeyWrites(Protocol& cache, std::vector<Write> writes)
    : cache_(cache), writes_(std::move(writes)) {
  if (writes_.size() < 2) return;
  for (std::size_t i = 0; i < writes_.size(); ++i) writes_[i].position = i;
  const auto group = [this](const Write& write) {
    return std::tuple(cache_.tier_.ShardIndex(write.key.hash), write.key.hash, write.key.key);
  };
  // Of one key the last write comes first, and unique() keeps it.
  std::ranges::sort(writes_, {}, [&](const Write& write) {
    return std::tuple(group(write), writes_.size() - write.position);
  });
  const auto [end, last] = std::ranges::unique(writes_, {}, group);
  writes_.erase(end, last);
}

KeyWrites::~KeyWrites() {
  while (ended_ < begun_) {
    auto writes = ShardFrom(ended_);
    writes = writes.first(std::min(writes.size(), begun_ - ended_));
    const std::vector<Entry*> none(writes.size());
    EndShard(writes, none);
  }
}

// The writes from `at` on that share a shard.
std::span<const KeyWrites::Write> KeyWrites::ShardFrom(std::size_t at) const {
  const auto shard = [this](const Write& write) { return cache_.tier_.ShardIndex(write.key.hash); };
  std::size_t end = at + 1;
  while (end < writes_.size() && shard(writes_[end]) == shard(writes_[at])) ++end;
  return std::span(writes_).subspan(at, end - at);
}

void KeyWrites::Begin() {
  while (begun_ < writes_.size()) {
    const auto writes = ShardFrom(begun_);
    Shard& shard = cache_.ShardOf(writes[0].key);
    const std::lock_guard lock(shard.mutex());
    for (const Write& write : writes) {
      cache_.LaneOf(write.key).in_flight.BeginWrite(write.key);
      ++begun_;
      cache_.tier_.Drop(shard, write.key.hash, write.key.key);
    }
  }
}

Entry* KeyWrites::NewEntry(const Write& write) const {
  if (write.outcome == Outcome::kPut) {
    return cache_.tier_.NewEntry(write.key.key, write.value, false);
  }
  if (write.outcome == Outcome::kDeleted && cache_.cache_absent_) {
    return cache_.tier_.NewEntry(write.key.key, {}, true);
  }
  return nullptr;
}

void KeyWrites::Commit(bool fill_tier) {
  while (ended_ < begun_) {
    const auto writes = ShardFrom(ended_);
    std::vector<Entry*> entries(writes.size());
    for (std::size_t i = 0; fill_tier && i < writes.size(); ++i) entries[i] = NewEntry(writes[i]);
    EndShard(writes, entries);
  }
  cache_.tier_.CollectIfDue();
}

// Ends the marks and links the entries, null where there is none, in one critical section.
void KeyWrites::EndShard(std::span<const Write> writes, std::span<Entry* const> entries) {
  std::vector<Entry*> unlinked;
  Shard& shard = cache_.ShardOf(writes[0].key);
  {
    const std::lock_guard lock(shard.mutex());
    for (std::size_t i = 0; i < writes.size(); ++i) {
      const HashedKey key = writes[i].key;
      const bool uncrossed = cache_.LaneOf(key).in_flight.EndWrite(key);
      ++ended_;
      ++shard.counters().writes;
      if (entries[i] == nullptr) continue;
      if (uncrossed && cache_.tier_.Link(shard, key.hash, *entries[i])) {
        entries[i]->Unref();  // the tier has its own
      } else {
        unlinked.push_back(entries[i]);
      }
    }
  }
  for (Entry* entry : unlinked) MemoryTier::Discard(*entry);
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
