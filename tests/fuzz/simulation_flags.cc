// What kvtool's simulating commands take as text: lists of policies and of sizes.
#include "kvtool/simulation_flags.h"

#include <cstdint>
#include <string>

#include "fuzz/input.h"
#include "fuzz/target.h"

namespace kvcache::testing {
namespace {

void FuzzPolicies(const std::string& text) {
  constexpr auto known = kvtool::Clairvoyants::kOptAndBound;
  const auto policies = kvtool::ParsePolicies(text, known);
  if (!policies) return RequireMessage(policies.error().message);
  std::string all;
  for (const kvtool::PolicyChoice& policy : *policies) {
    all += (all.empty() ? "" : ",") + policy.Parameters();
  }
  const auto again = kvtool::ParsePolicies(all, known);
  Require(again && again->size() == policies->size(), "policies are read again", all);
  for (std::size_t i = 0; i < policies->size(); ++i) {
    Require((*again)[i].Parameters() == (*policies)[i].Parameters(), "they are the same", all);
  }
}

void FuzzCacheSizes(const std::string& text, std::uint64_t all) {
  const auto sizes = kvtool::ParseCacheSizes(text);
  if (!sizes) return RequireMessage(sizes.error().message);
  for (const kvtool::CacheSize& size : *sizes) {
    const std::uint64_t of = size.Of(all);
    Require(of >= 1, "a cache holds something", size.text);
    if (size.kind == kvtool::CacheSize::Kind::kPercent) {
      Require(of <= 10 * all + 1, "at most 1000 % of the keys", size.text);
    } else {
      Require(static_cast<double>(of) == size.value, "a size is what it says", size.text);
    }
  }
  for (const char* asked : {"", "objects", "bytes"}) {
    const auto unit = kvtool::ChooseUnit(asked, *sizes);
    if (!unit) RequireMessage(unit.error().message);
  }
}

}  // namespace

void FuzzSimulationFlags(std::string_view input) {
  Input choices(input);
  const std::uint64_t all = (std::uint64_t{1} << choices.Below(49)) - 1;
  FuzzPolicies(std::string(choices.rest()));
  FuzzCacheSizes(std::string(choices.rest()), all);
}

}  // namespace kvcache::testing
