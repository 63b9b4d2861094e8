// Published traces and miss ratios, which lie beside the project and not in it.
#pragma once

#include <cstdint>
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

// A row of reference_miss_ratios.csv: `requests` through a cache of `cache_size` units.
struct Reference {
  std::string trace;
  bool in_bytes = false;  // else objects of size 1
  std::string policy;
  std::uint64_t cache_size = 0;
  std::uint64_t requests = 0;
  std::string miss_ratio;  // as printed: its digits are all that is known

  // The difference between so many misses and what is published, as a ratio.
  double Difference(std::uint64_t misses) const {
    return static_cast<double>(misses) / static_cast<double>(requests) - std::stod(miss_ratio);
  }
  // Half of the last digit given, and a little for rounding.
  double Precision() const {
    double last_digit = 1;
    for (std::size_t i = miss_ratio.find('.') + 1; i < miss_ratio.size(); ++i) last_digit /= 10;
    return 0.50001 * last_digit;
  }
};

inline std::vector<Reference> ReadReferences() {
  std::ifstream file(TraceFolder() / "reference_miss_ratios.csv");
  std::vector<Reference> references;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string trace, unit, size, policy, requests, ratio;
    for (std::string* field : {&trace, &unit, &size, &policy, &requests, &ratio}) {
      std::getline(fields, *field, ',');
    }
    if (trace == "trace") continue;  // the head line
    references.push_back(
        {trace, unit == "byte", policy, std::stoul(size), std::stoul(requests), ratio});
  }
  return references;
}

}  // namespace kvcache::testing
