#include "simulate/advice.h"

#include <algorithm>
#include <cmath>

#include "simulate/requests.h"

namespace kvcache {
namespace {

// The smallest size from which on the ratio is reached.
std::optional<double> FirstSize(const PolicyOutlook& outlook, double hit_ratio) {
  const std::vector<double>& ratios = outlook.hit_ratios;
  std::size_t i = ratios.size();
  while (i > 0 && ratios[i - 1] >= hit_ratio) --i;
  if (i == ratios.size()) return std::nullopt;
  if (i == 0) return outlook.bytes[0];
  const double before = outlook.bytes[i - 1];
  const double part = (hit_ratio - ratios[i - 1]) / (ratios[i] - ratios[i - 1]);
  return before * std::pow(outlook.bytes[i] / before, part);
}

// What `values` are at so many bytes; below the first size in proportion to it.
double ValueAt(const std::vector<double>& sizes, const std::vector<double>& values, double bytes) {
  const auto above = std::ranges::lower_bound(sizes, bytes);
  if (above == sizes.end()) return values.back();
  const auto i = static_cast<std::size_t>(above - sizes.begin());
  if (i == 0) return values[0] * bytes / sizes[0];
  const double part = std::log(bytes / sizes[i - 1]) / std::log(sizes[i] / sizes[i - 1]);
  return values[i - 1] + part * (values[i] - values[i - 1]);
}

}  // namespace

std::optional<Need> BytesFor(const PolicyOutlook& outlook, double hit_ratio) {
  const auto bytes = FirstSize(outlook, hit_ratio);
  if (!bytes) return std::nullopt;
  return Need{*bytes, *FirstSize(outlook, hit_ratio - outlook.likely_error),
              FirstSize(outlook, hit_ratio + outlook.likely_error)};
}

double HitRatioAt(const PolicyOutlook& outlook, double bytes) {
  return ValueAt(outlook.bytes, outlook.hit_ratios, bytes);
}

double EntriesAt(const PolicyOutlook& outlook, double bytes) {
  return ValueAt(outlook.bytes, outlook.entries, bytes);
}

PolicyOutlook MakeOutlook(const std::string& policy, const MissRatioCurve& curve,
                          double likely_error, std::span<const std::uint64_t> sizes,
                          std::span<const double> policy_bytes, double mean_bytes) {
  PolicyOutlook outlook{policy, {}, {}, {}, likely_error};
  for (std::size_t i = sizes.size(); i-- > 0;) {
    const auto size = static_cast<double>(sizes[i]);
    const double bytes = size * (1 + (policy_bytes[i] - kOrderBytes) / mean_bytes);
    // As it remembers less the more is resident, fewer bytes may have room for more entries.
    if (!outlook.bytes.empty() && bytes >= outlook.bytes.back()) continue;
    outlook.bytes.push_back(bytes);
    outlook.entries.push_back(size / mean_bytes);
    outlook.hit_ratios.push_back(1 - curve.miss_ratios[i]);
  }
  for (auto* values : {&outlook.bytes, &outlook.entries, &outlook.hit_ratios}) {
    std::ranges::reverse(*values);
  }
  return outlook;
}

}  // namespace kvcache
