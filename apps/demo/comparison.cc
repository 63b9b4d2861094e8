#include "comparison.h"

#include <algorithm>
#include <chrono>
#include <expected>
#include <memory>
#include <random>
#include <string_view>
#include <variant>

#include "kvcache/cache.h"
#include "kvcache/size.h"
#include "resolver.h"

namespace demo {

using kvcache::Cache;
using kvcache::Result;

namespace {

Result<std::unique_ptr<Cache>> OpenCache(const std::string& path, std::uint64_t capacity,
                                         const std::string& policy) {
  kvcache::Options options;
  options.path = path;
  options.rocksdb.create_if_missing = false;
  options.capacity = capacity;
  options.policy = policy;
  options.cache_absent = true;  // a virtual package is looked up by its name first, in vain
  options.shards = 1;           // one thread reads, so there is nothing to share out
  return Cache::Open(options);
}

}  // namespace

Result<Workload> PlanWorkload(const std::string& path, std::size_t sample) {
  const auto cache = OpenCache(path, 0, "lru");
  if (!cache) return std::unexpected(cache.error());

  Workload workload;
  const auto scanned = (*cache)->Scan({}, [&](std::string_view key, std::string_view value) {
    ++workload.records;
    workload.bytes += key.size() + value.size();
    if (!key.starts_with(kProvides)) workload.packages.emplace_back(key);
    return true;
  });
  if (!scanned) return std::unexpected(scanned.error());

  for (const auto& [name, value] : (*cache)->store().Describe()) {
    if (name != "block_cache_capacity") continue;
    workload.block_cache = kvcache::FormatSize(std::get<std::uint64_t>(value));
  }
  workload.all_packages = workload.packages.size();
  std::ranges::shuffle(workload.packages, std::mt19937_64(1));
  workload.packages.resize(std::min(sample, workload.packages.size()));
  return workload;
}

Result<Measurement> Measure(const std::string& path, std::uint64_t capacity,
                            const std::string& policy, const Workload& workload) {
  const auto cache = OpenCache(path, capacity, policy);
  if (!cache) return std::unexpected(cache.error());

  Measurement result;
  Resolver resolver(**cache);
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& package : workload.packages) {
    const auto closure = resolver.Closure(package);
    if (!closure) return std::unexpected(closure.error());
    result.members += closure->size();
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.stats = (*cache)->GetStats();
  return result;
}

}  // namespace demo
