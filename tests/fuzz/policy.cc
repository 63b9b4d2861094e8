// Policy strings, and policies with whatever parameters they allow.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "fuzz/input.h"
#include "fuzz/target.h"
#include "support/policy_driver.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kKeys = 256;

// Requests and changes of capacity; then every resident node comes out once.
void Drive(const PolicySpec& spec, Input& choices) {
  constexpr std::size_t kMostMemory = std::size_t{1} << 20;
  const bool exact = choices.Below(2) != 0;
  const std::size_t capacity = 1 + choices.Below(100);
  PolicyDriver driver([&spec](const PolicyContext& context) { return spec.Make(context); }, kKeys,
                      capacity, exact);
  Policy& policy = driver.policy();
  for (std::size_t steps = 0; steps < 2000 && !choices.empty(); ++steps) {
    const std::uint8_t step = choices.Byte();
    if (step < 240) driver.Request(step);
    if (step == 240) policy.SetCapacity(std::uint64_t{1} << choices.Below(40));
    if (step == 241) policy.SetCapacity(capacity);
    if (step == 242) policy.Repair(choices.Byte());
    if (step > 242) policy.Settle(0, policy.size());
    Require(policy.size() <= capacity, "a policy orders what it was given", spec.ToString());
    Require(policy.MemoryBytes() <= kMostMemory, "memory is bounded", spec.ToString());
  }
  std::set<std::size_t> drained;
  while (const PolicyNode* node = policy.Drain()) {
    const std::size_t key = driver.KeyOf(*node);
    Require(driver.Resident(static_cast<std::uint32_t>(key)), "only residents leave");
    Require(drained.insert(key).second, "a node leaves once", spec.ToString());
  }
  for (std::uint32_t key = 0; key < kKeys; ++key) {
    Require(driver.Resident(key) == drained.contains(key), "every resident leaves");
  }
}

}  // namespace

void FuzzPolicy(std::string_view input) {
  Input choices(input);
  const std::string_view text = choices.TakeLine();
  const auto spec = ParsePolicy(text);
  if (!spec) {
    Require(spec.error().code == ErrorCode::kInvalidArgument, "a text is the caller's", text);
    return RequireMessage(spec.error().message);
  }
  const std::string written = spec->ToString();
  const auto again = ParsePolicy(written);
  Require(again.has_value(), "what is printed is accepted", written);
  Require(again->values == spec->values, "what is printed is the same policy", written);
  Drive(*spec, choices);
}

}  // namespace kvcache::testing
