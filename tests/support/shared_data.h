// Published traces and miss ratios, which lie beside the project and not in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace kvcache::testing {

// The folder of traces: $KVCACHE_SHARED/traces, or ../shared/traces beside the source tree. It
// need not exist.
inline std::filesystem::path TraceFolder() {
  const char* shared = std::getenv("KVCACHE_SHARED");
  const std::filesystem::path folder =
      shared != nullptr ? shared : std::filesystem::path(KVCACHE_SOURCE_DIR) / ".." / "shared";
  return folder / "traces";
}

// A row of reference_miss_ratios.csv: `requests` through a cache of `cache_size` objects.
struct Reference {
  std::string trace;
  std::string policy;
  std::size_t cache_size = 0;
  std::size_t requests = 0;
  std::string miss_ratio;  // as printed: its digits are all that is known

  // Whether so many misses round to the digits given.
  bool Agrees(std::size_t misses) const {
    const auto point = miss_ratio.find('.');
    double last_digit = 1;
    for (std::size_t i = point + 1; i < miss_ratio.size(); ++i) last_digit /= 10;
    const double ratio = static_cast<double>(misses) / static_cast<double>(requests);
    const double difference = ratio - std::stod(miss_ratio);
    return difference < 0.50001 * last_digit && -difference < 0.50001 * last_digit;
  }
};

// The rows for objects of size 1.
inline std::vector<Reference> ReadReferences() {
  std::ifstream file(TraceFolder() / "reference_miss_ratios.csv");
  std::vector<Reference> references;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string trace, unit, size, policy, requests, ratio;
    for (std::string* field : {&trace, &unit, &size, &policy, &requests, &ratio}) {
      std::getline(fields, *field, ',');
    }
    if (unit != "object") continue;  // the head line too
    references.push_back({trace, policy, std::stoul(size), std::stoul(requests), ratio});
  }
  return references;
}

}  // namespace kvcache::testing
