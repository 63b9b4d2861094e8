// A memory tier, without store or protocol, and how values get into it and out of it.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "kvcache/value.h"
#include "tier/memory_tier.h"

namespace kvcache::testing {

inline PolicySpec Spec(std::string_view text) { return *ParsePolicy(text); }

struct Fixture {
  explicit Fixture(TierOptions options, std::string_view policy = "lru")
      : tier(options, Spec(policy)) {}

  bool Put(const std::string& key, std::string_view value) {
    const std::uint64_t hash = tier.Hash(key);
    Entry* entry = tier.NewEntry({hash, key}, value, false);
    if (entry == nullptr) return false;
    Shard& shard = tier.ShardOf(hash);
    bool linked = false;
    {
      const std::lock_guard lock(shard.mutex());
      tier.Drop(shard, hash, key);
      linked = tier.Link(shard, hash, *entry);
    }
    if (!linked) MemoryTier::Detach(*entry);
    const Value own(entry, entry->value(), false);  // gives the reference up
    return linked;
  }
  std::optional<std::string> Get(const std::string& key) {
    std::optional<std::string> value;
    const std::uint64_t hash = tier.Hash(key);
    tier.Hit(hash, key, [&](Entry& entry) { value = std::string(entry.value()); });
    if (value) return value;
    Shard& shard = tier.ShardOf(hash);
    const std::lock_guard lock(shard.mutex());
    if (Entry* entry = shard.Find(hash, key)) {
      value = std::string(entry->value());
      CHECK(tier.HitLocked(hash, *entry) == nullptr);
    }
    return value;
  }
  std::optional<Value> Pin(const std::string& key) {
    std::optional<Value> value;
    tier.Hit(tier.Hash(key), key, [&](Entry& entry) {
      entry.Ref();
      value = Value(&entry, entry.value(), true);
    });
    return value;
  }

  MemoryTier tier;
};

}  // namespace kvcache::testing
