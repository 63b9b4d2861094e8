// The LRU that people write by hand: shards of a mutex, a std::list in order of use and a
// std::unordered_map into it.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace bench {

class MutexListLru {
 public:
  static constexpr const char* kName = "mutex-list-lru";
  // Of `capacity` entries, and a little room for shards that get more than others.
  MutexListLru(std::size_t capacity, std::size_t) : capacity_(capacity / kShards * 51 / 50 + 64) {}

  void Put(std::string_view key, std::string_view value) {
    Shard& shard = ShardOf(key);
    const std::lock_guard lock(shard.mutex);
    if (const auto found = shard.index.find(key); found != shard.index.end()) {
      found->second->second.assign(value);
      shard.order.splice(shard.order.begin(), shard.order, found->second);
      return;
    }
    shard.order.emplace_front(key, value);
    shard.index.emplace(shard.order.front().first, shard.order.begin());
    if (shard.order.size() <= capacity_) return;
    shard.index.erase(shard.order.back().first);
    shard.order.pop_back();
  }
  void Seal() {}

  bool Get(std::string_view key, std::string& value) {
    Shard& shard = ShardOf(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.index.find(key);
    if (found == shard.index.end()) return false;
    shard.order.splice(shard.order.begin(), shard.order, found->second);
    value.assign(found->second->second);
    return true;
  }

 private:
  static constexpr std::size_t kShards = 16;
  using Order = std::list<std::pair<std::string, std::string>>;
  struct alignas(64) Shard {
    std::mutex mutex;
    Order order;
    std::unordered_map<std::string_view, Order::iterator> index;  // keys lie in the list
  };

  Shard& ShardOf(std::string_view key) {
    return shards_[(std::hash<std::string_view>{}(key) >> 32) % kShards];
  }

  const std::size_t capacity_;  // entries in a shard
  std::array<Shard, kShards> shards_;
};

}  // namespace bench
