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

// The first two without a lock: right only while nobody writes.
class StdUnorderedMap {
 public:
  static constexpr const char* kName = "std-unordered-map";
  StdUnorderedMap(std::size_t entries, std::size_t) { map_.reserve(entries); }

  void Put(std::string_view key, std::string_view value) { map_.emplace(key, value); }
  void Seal() {}

  bool Get(std::string_view key, std::string& value) const {
    const auto found = map_.find(key);
    if (found == map_.end()) return false;
    value.assign(found->second);
    return true;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };
  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> map_;
};

class AbslFlatHashMap {
 public:
  static constexpr const char* kName = "absl-flat-hash-map";
  AbslFlatHashMap(std::size_t entries, std::size_t) { map_.reserve(entries); }

  void Put(std::string_view key, std::string_view value) { map_.emplace(key, value); }
  void Seal() {}

  bool Get(std::string_view key, std::string& value) const {
    // Debian's Abseil has a string_view of its own.
    const auto found = map_.find(absl::string_view(key.data(), key.size()));
    if (found == map_.end()) return false;
    value.assign(found->second);
    return true;
  }

 private:
  absl::flat_hash_map<std::string, std::string> map_;
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
