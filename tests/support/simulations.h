// Traces as files, and as what simulations make of them.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "simulate/simulation.h"
#include "support/temp_folder.h"
#include "support/text.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {

using Keys = std::vector<std::uint32_t>;

inline std::string WriteFile(const TempFolder& folder, const std::string& text) {
  std::string path = folder / "trace.txt";
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

// A trace of these keys, as "key" a line.
inline std::string WriteTrace(const TempFolder& folder, const Keys& keys) {
  std::string text;
  for (const std::uint32_t key : keys) text += std::to_string(key) + "\n";
  return WriteFile(folder, text);
}

// What is read from such a file.
inline std::vector<SimulatedRequest> RequestsOf(const Keys& keys) {
  std::vector<SimulatedRequest> requests;
  for (const std::uint32_t key : keys) requests.push_back({HashKey(std::to_string(key), 0), 1});
  return requests;
}

// None for "opt".
inline std::optional<PolicySpec> SpecOf(const std::string& policy) {
  if (policy == "opt") return std::nullopt;
  auto spec = ParsePolicy(policy);
  REQUIRE_MESSAGE(spec, Text(spec.error()));
  return *spec;
}

// Each registered policy by its name, and opt.
inline std::vector<std::string> AllPolicies() {
  std::vector<std::string> policies;
  for (const PolicyInfo& info : RegisteredPolicies()) policies.push_back(info.name);
  policies.emplace_back("opt");
  return policies;
}

inline void IgnoreProgress(std::uint64_t) {}

inline TraceScan Scan(const std::string& path, const ObjectSizes& sizes = SizeUnit::kObjects) {
  auto scan = ScanTrace(path, {}, sizes, true, IgnoreProgress);
  REQUIRE_MESSAGE(scan, Text(scan.error()));
  return std::move(*scan);
}

inline std::vector<SimulationResult> MustSimulate(const std::string& path,
                                                  const std::vector<SimulatedCase>& cases,
                                                  const SimulationOptions& options = {}) {
  const TraceScan scan = Scan(path, options.sizes);
  auto results = Simulate(path, cases, options, scan.next_uses);
  REQUIRE_MESSAGE(results, Text(results.error()));
  return std::move(*results);
}

}  // namespace kvcache::testing
