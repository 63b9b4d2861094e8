// kvcache, over a store that keeps nothing: what a lookup does not find in the tier is lost, so
// that a benchmark of hits cannot pass with misses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "kvcache/cache.h"

namespace bench {

class NullStore : public kvcache::Store {
 public:
  kvcache::Result<bool> Get(std::string_view, const Receiver&) override { return false; }
  kvcache::Result<void> Write(const kvcache::Batch&, const kvcache::WriteOptions&) override {
    return {};
  }
  kvcache::Result<void> Scan(const kvcache::ScanOptions&, const kvcache::ScanVisitor&) override {
    return {};
  }
};

inline std::unique_ptr<kvcache::Cache> OpenOrExit(const kvcache::Options& options,
                                                  std::unique_ptr<kvcache::Store> store) {
  auto cache = kvcache::Cache::Open(options, std::move(store));
  if (!cache) {
    std::fprintf(stderr, "%s\n", cache.error().message.c_str());
    std::exit(1);
  }
  return *std::move(cache);
}

class KvcacheSystem {
 public:
  KvcacheSystem(std::string policy, std::uint64_t capacity)
      : cache_(OpenOrExit({.capacity = capacity, .policy = std::move(policy)},
                          std::make_unique<NullStore>())) {}
  // With room for all.
  KvcacheSystem(std::string policy, std::size_t entries, std::size_t value_bytes)
      : KvcacheSystem(std::move(policy),
                      entries * (value_bytes + 160) + (std::uint64_t{64} << 20)) {}

  void Put(std::string_view key, std::string_view value) { (void)cache_->Put(key, value); }
  void Seal() {}

  bool Get(std::string_view key, std::string& value) {
    const auto found = cache_->Get(key, value);
    return found && *found;
  }
  bool GetZeroCopy(std::string_view key) {
    const auto found = cache_->Get(key);
    return found && found->has_value();
  }
  // How many it found.
  std::size_t MultiGet(std::span<const std::string_view> keys) {
    std::size_t found = 0;
    for (const auto& result : cache_->MultiGet(keys)) found += result && result->has_value();
    return found;
  }

 private:
  std::unique_ptr<kvcache::Cache> cache_;
};

struct KvcacheLru : KvcacheSystem {
  static constexpr const char* kName = "kvcache-lru";
  KvcacheLru(std::size_t entries, std::size_t bytes) : KvcacheSystem("lru", entries, bytes) {}
};
struct KvcacheLfu : KvcacheSystem {
  static constexpr const char* kName = "kvcache-lfu";
  KvcacheLfu(std::size_t entries, std::size_t bytes) : KvcacheSystem("lfu", entries, bytes) {}
};
struct KvcacheLruK : KvcacheSystem {
  static constexpr const char* kName = "kvcache-lru-k";
  KvcacheLruK(std::size_t entries, std::size_t bytes) : KvcacheSystem("lru-k", entries, bytes) {}
};

}  // namespace bench
