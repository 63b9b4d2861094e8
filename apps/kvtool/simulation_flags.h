// What the commands that simulate have in common: which policies, which sizes, how the trace is
// read.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outcome.h"
#include "progress.h"
#include "simulate/requests.h"
#include "simulate/trace_scan.h"
#include "tier/policy_registry.h"

namespace kvcache::kvtool {

struct PolicyChoice {
  std::string name;                // as given
  std::optional<PolicySpec> spec;  // none: opt, or what bounds it

  // With all parameters.
  std::string Parameters() const { return spec ? spec->ToString() : name; }
  bool knows_future() const { return !spec; }
  bool is_bound() const { return name == "opt-bound"; }
};
// What a command knows beside the registered policies.
enum class Clairvoyants { kOpt, kOptAndBound };
// "lru,s3-fifo:small=0.2,ghost=2,opt", or "all": every registered policy, and those. In the order
// given, none twice.
Outcome<std::vector<PolicyChoice>> ParsePolicies(const std::string& text, Clairvoyants known);

// "0.5"; none if there is anything else, or if it is not finite.
std::optional<double> ParseNumber(std::string_view text);

// A cache's size as a user gives it.
struct CacheSize {
  enum class Kind { kPlain, kBytes, kPercent };

  std::string text;  // as given
  Kind kind = Kind::kPlain;
  double value = 0;  // a number of the unit, or percent of the trace's unique keys or bytes

  // In the unit in which the trace's unique keys, or their bytes, are `all`; at least 1.
  std::uint64_t Of(std::uint64_t all) const;
};
// "0.1%,1000,64MiB"
Outcome<std::vector<CacheSize>> ParseCacheSizes(const std::string& text);
// The unit that is asked for ("objects", "bytes" or "" for whichever fits the sizes).
Outcome<SizeUnit> ChooseUnit(const std::string& asked, const std::vector<CacheSize>& sizes);

// --policy. `policies`, which must stay where it is, has the default. kvtool's own --policy, which
// takes the same words, counts where it stands before the command.
void AddPolicies(CLI::App& command, std::string& policies, const std::string& help);
// --unit: "objects", "bytes", or what stands there already
void AddUnit(CLI::App& command, std::string& unit);
// --threads, as many as there are processors by default
void AddThreads(CLI::App& command, unsigned& threads);

std::string_view UnitName(SizeUnit unit);
// "1,869" or "64.0 MiB"
std::string SizeText(std::uint64_t size, SizeUnit unit);

// Draws what a simulation tells of its progress. `progress` must outlive it.
OnProgress Reporter(Progress& progress);

}  // namespace kvcache::kvtool
