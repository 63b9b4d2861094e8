#include "simulate/advice.h"

#include <algorithm>
#include <cmath>

namespace kvcache {
namespace {

// The smallest size from which on the ratio, shifted, is reached.
std::optional<double> FirstSize(const PolicyOutlook& outlook, std::span<const std::uint64_t> sizes,
                                double hit_ratio) {
  const std::vector<double>& ratios = outlook.hit_ratios;
  const auto reached =
      std::ranges::find_if(ratios, [hit_ratio](double ratio) { return ratio >= hit_ratio; });
  if (reached == ratios.end()) return std::nullopt;
  const auto i = static_cast<std::size_t>(reached - ratios.begin());
  const auto size = static_cast<double>(sizes[i]);
  if (i == 0) return size * outlook.cost;
  const auto before = static_cast<double>(sizes[i - 1]);
  const double part = (hit_ratio - ratios[i - 1]) / (ratios[i] - ratios[i - 1]);
  return before * std::pow(size / before, part) * outlook.cost;
}

}  // namespace

std::optional<Need> BytesFor(const PolicyOutlook& outlook, std::span<const std::uint64_t> sizes,
                             double hit_ratio) {
  const auto bytes = FirstSize(outlook, sizes, hit_ratio);
  if (!bytes) return std::nullopt;
  return Need{*bytes, *FirstSize(outlook, sizes, hit_ratio - outlook.likely_error),
              FirstSize(outlook, sizes, hit_ratio + outlook.likely_error)};
}

double HitRatioAt(const PolicyOutlook& outlook, std::span<const std::uint64_t> sizes,
                  double bytes) {
  const double wanted = bytes / outlook.cost;
  const auto above = std::ranges::find_if(
      sizes, [wanted](std::uint64_t size) { return static_cast<double>(size) >= wanted; });
  if (above == sizes.end()) return outlook.hit_ratios.back();
  const auto i = static_cast<std::size_t>(above - sizes.begin());
  if (i == 0) return outlook.hit_ratios[0] * wanted / static_cast<double>(sizes[0]);
  const auto before = static_cast<double>(sizes[i - 1]);
  const double part = std::log(wanted / before) / std::log(static_cast<double>(sizes[i]) / before);
  return outlook.hit_ratios[i - 1] + part * (outlook.hit_ratios[i] - outlook.hit_ratios[i - 1]);
}

PolicyOutlook MakeOutlook(const std::string& policy, const MissRatioCurve& curve,
                          double likely_error, double mean_bytes) {
  PolicyOutlook outlook{policy, {}, likely_error, 1};
  for (const double miss_ratio : curve.miss_ratios) outlook.hit_ratios.push_back(1 - miss_ratio);
  const double more = std::max(0.0, curve.policy_bytes - kPlainPolicyBytes);
  outlook.cost = 1 + more / mean_bytes;
  return outlook;
}

}  // namespace kvcache
