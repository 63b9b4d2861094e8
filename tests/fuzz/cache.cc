// Calls of a cache over a store that fails, against a map.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/target.h"
#include "kvcache/options.h"
#include "kvcache/policy.h"
#include "support/model_run.h"

namespace kvcache::testing {
namespace {

Options ReadOptions(Input& choices) {
  const std::vector<PolicyInfo> policies = RegisteredPolicies();
  Options options;
  options.policy = policies[choices.Below(policies.size())].name;
  options.capacity = choices.Below(4) == 0 ? 0 : std::uint64_t{1} << choices.Below(24);
  options.capacity_entries = choices.Below(4) == 0 ? choices.Below(64) : 0;
  options.shards = 1U << choices.Below(4);
  options.cache_absent = choices.Below(2) != 0;
  options.value_alignment = choices.Below(2) == 0 ? 16 : 64;
  options.exact_policy = choices.Below(2) != 0;
  return options;
}

}  // namespace

void FuzzCache(std::string_view input) {
  constexpr int kMostCalls = 400;
  Input choices(input);
  const Options options = ReadOptions(choices);
  ModelRun run(options, [&choices](std::size_t bound) { return choices.Below(bound); });
  for (int i = 0; i < kMostCalls && !choices.empty(); ++i) {
    const std::string wrong = run.Step();
    Require(wrong.empty(), options.policy, wrong);
  }
  const std::string wrong = run.CheckAll();
  Require(wrong.empty(), options.policy, wrong);
}

}  // namespace kvcache::testing
