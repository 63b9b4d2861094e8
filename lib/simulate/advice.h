// Advice: which policy and how many bytes a workload needs for a hit ratio.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "simulate/miss_ratio_curve.h"

namespace kvcache {

// What a memory tier comes to under a policy, by its size.
struct PolicyOutlook {
  std::string policy;
  // Of the tier, ascending. What the policy keeps beside the entries (history, ghosts) is among
  // them.
  std::vector<double> bytes;
  std::vector<double> entries;  // that it has room for
  std::vector<double> hit_ratios;
  double likely_error = 0;  // of them
};

// Sizes of a memory tier that a policy needs for a hit ratio.
struct Need {
  double bytes = 0;
  double least = 0;            // if the curve is too low by its likely error
  std::optional<double> most;  // if it is too high by that; none: then no size is enough
};

// None when the largest size is not enough.
std::optional<Need> BytesFor(const PolicyOutlook& outlook, double hit_ratio);

// With a tier of so many bytes, between the curve's sizes in proportion to their logarithm.
double HitRatioAt(const PolicyOutlook& outlook, double bytes);
double EntriesAt(const PolicyOutlook& outlook, double bytes);

// `sizes`: the curve's, as if the policy kept kOrderBytes for each entry. `policy_bytes`: what it
// does keep, by size. `mean_bytes`: of an entry, as in `sizes`.
PolicyOutlook MakeOutlook(const std::string& policy, const MissRatioCurve& curve,
                          double likely_error, std::span<const std::uint64_t> sizes,
                          std::span<const double> policy_bytes, double mean_bytes);

}  // namespace kvcache
