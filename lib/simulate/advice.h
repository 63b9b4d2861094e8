// Advice: which policy and how many bytes a workload needs for a hit ratio.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "simulate/miss_ratio_curve.h"

namespace kvcache {

// Bytes that an entry takes in the memory tier beside its key and value: header, table, and the
// order of a policy that keeps nothing else. Measured by bench/memory.
inline constexpr std::uint32_t kTierEntryOverhead = 54;
// Of these, the policy's.
inline constexpr double kPlainPolicyBytes = 16;

// A policy's hit ratio at every size of a memory tier.
struct PolicyOutlook {
  std::string policy;
  std::vector<double> hit_ratios;  // by size
  double likely_error = 0;         // of them
  // Sizes are to be multiplied by it: what this policy keeps beside the entries (history, ghosts)
  // takes its share of the capacity.
  double cost = 1;
};

// Sizes of a memory tier that a policy needs for a hit ratio.
struct Need {
  double bytes = 0;
  double least = 0;            // if the curve is too low by its likely error
  std::optional<double> most;  // if it is too high by that; none: then no size is enough
};

// None when no size on the curve is enough.
std::optional<Need> BytesFor(const PolicyOutlook& outlook, std::span<const std::uint64_t> sizes,
                             double hit_ratio);

// With a tier of so many bytes, between the curve's sizes in proportion to their logarithm.
double HitRatioAt(const PolicyOutlook& outlook, std::span<const std::uint64_t> sizes, double bytes);

// `mean_bytes`: of an entry with all that it takes under a plain policy.
PolicyOutlook MakeOutlook(const std::string& policy, const MissRatioCurve& curve,
                          double likely_error, double mean_bytes);

}  // namespace kvcache
