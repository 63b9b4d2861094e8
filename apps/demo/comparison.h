// The same lookups through caches of different size and policy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kvcache/error.h"
#include "kvcache/stats.h"

namespace demo {

// What every measurement does: resolve the closures of these packages, in this order.
struct Workload {
  std::vector<std::string> packages;
  std::size_t all_packages = 0;  // in the database
  std::uint64_t records = 0;     // in the database: packages and virtual packages
  std::uint64_t bytes = 0;       // of their keys and values
  std::string block_cache;       // capacity of RocksDB's own, the same for every measurement
};

// A random sample of the packages in the database, all of them if there are fewer, in random
// order; the same for the same database.
kvcache::Result<Workload> PlanWorkload(const std::string& path, std::size_t sample);

struct Measurement {
  kvcache::Stats stats;
  double seconds = 0;
  std::uint64_t members = 0;  // of all closures together: the same, whatever the cache
};

// Opens the database anew, so that nothing is cached at first but by the operating system.
kvcache::Result<Measurement> Measure(const std::string& path, std::uint64_t capacity,
                                     const std::string& policy, const Workload& workload);

}  // namespace demo
