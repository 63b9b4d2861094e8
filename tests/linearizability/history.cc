#include "linearizability/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace kvcache::testing {

std::string ToText(KeySet keys, const Versions& versions) {
  std::string text;
  for (std::size_t key = 0; key < kMostKeys; ++key) {
    if (!Has(keys, key)) continue;
    const Version version = versions[key];
    text += fmt::format("{}k{}={}", text.empty() ? "" : " ", key,
                        version == kNothing     ? "-"
                        : version == kSomething ? "?"
                                                : std::to_string(version));
  }
  return text;
}

std::string ToText(std::span<const Operation> history) {
  std::vector<Operation> sorted(history.begin(), history.end());
  std::ranges::sort(sorted, {}, &Operation::called);
  std::string text;
  for (const Operation& operation : sorted) {
    text += fmt::format("  [{:>6}, {:>6}] thread {} {:<12} {} {}{}\n", operation.called,
                        operation.returned, operation.thread, operation.name,
                        operation.writes() ? "writes" : "reads ",
                        ToText(operation.keys, operation.versions),
                        operation.effect == Operation::Effect::kMayWrite ? " (failed)" : "");
  }
  return text;
}

}  // namespace kvcache::testing
