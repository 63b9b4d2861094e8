// Hash maps as people use them for lookups: std::string to std::string, no eviction.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <tbb/concurrent_hash_map.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bench {

// No lock: right only while nobody writes. `View` is what the map looks keys up by.
template <class Map, class View>
class UnlockedMap {
 public:
  UnlockedMap(std::size_t entries, std::size_t) { map_.reserve(entries); }

  void Put(std::string_view key, std::string_view value) { map_.emplace(key, value); }
  void Seal() {}

  bool Get(std::string_view key, std::string& value) const {
    const auto found = map_.find(View(key.data(), key.size()));
    if (found == map_.end()) return false;
    value.assign(found->second);
    return true;
  }

 private:
  Map map_;
};

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
};
using StdMap = std::unordered_map<std::string, std::string, StringHash, std::equal_to<>>;

struct StdUnorderedMap : UnlockedMap<StdMap, std::string_view> {
  static constexpr const char* kName = "std-unordered-map";
  using UnlockedMap::UnlockedMap;
};

// Debian's Abseil has a string_view of its own.
struct AbslFlatHashMap
    : UnlockedMap<absl::flat_hash_map<std::string, std::string>, absl::string_view> {
  static constexpr const char* kName = "absl-flat-hash-map";
  using UnlockedMap::UnlockedMap;
};

class TbbConcurrentHashMap {
 public:
  static constexpr const char* kName = "tbb-concurrent-hash-map";
  TbbConcurrentHashMap(std::size_t entries, std::size_t) : map_(entries) {}

  void Put(std::string_view key, std::string_view value) { map_.emplace(key, value); }
  void Seal() {}

  bool Get(std::string_view key, std::string& value) {
    Map::const_accessor found;
    if (!map_.find(found, key)) return false;
    value.assign(found->second);
    return true;
  }

 private:
  struct Compare {
    using is_transparent = void;
    std::size_t hash(std::string_view key) const { return std::hash<std::string_view>{}(key); }
    bool equal(std::string_view a, std::string_view b) const { return a == b; }
  };
  using Map = tbb::concurrent_hash_map<std::string, std::string, Compare>;
  Map map_;
};

}  // namespace bench
