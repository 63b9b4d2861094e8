// How far curves from samples are off, on real traces, which lie beside the project.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness.h"
#include "simulate/miss_ratio_curve.h"
#include "support/sanitizers.h"
#include "support/shared_data.h"
#include "support/simulations.h"

namespace kvcache::testing {
namespace {

// As kvtool curve has them if it is told nothing.
constexpr std::size_t kSizes = 32;
constexpr std::size_t kSamples = 8192;
constexpr std::size_t kAnchors = 4;
constexpr double kMostLruError = 0.02;
constexpr double kMostError = 0.03;  // of the other policies

// Checks all of `policies` at every `step`th of the sizes; with more than one step, at those that
// are no anchors, where estimates are exact.
void CheckErrors(const std::string& trace, const std::vector<std::string>& policies,
                 std::size_t step) {
  CAPTURE(trace);
  const std::string path = (TraceFolder() / (trace + ".txt.zst")).string();
  const auto sample = SampleTrace(path, {}, SizeUnit::kObjects, kSamples, IgnoreProgress);
  REQUIRE_MESSAGE(sample, Text(sample.error()));
  const std::vector<std::uint64_t> sizes =
      LogarithmicSizes(sample->all_keys / 1000, sample->all_keys, kSizes);
  REQUIRE(sizes.size() == kSizes);
  std::vector<std::optional<PolicySpec>> specs;
  for (const std::string& policy : policies) specs.push_back(SpecOf(policy));
  const auto estimated = EstimateCurves(path, *sample, {.threads = 2}, specs, sizes, kAnchors);
  REQUIRE_MESSAGE(estimated, Text(estimated.error()));
  std::vector<std::uint64_t> checked;
  for (std::size_t i = step / 2; i < kSizes; i += step) checked.push_back(sizes[i]);
  const auto exact = ExactCurves(path, {.threads = 2}, specs, checked);
  REQUIRE_MESSAGE(exact, Text(exact.error()));
  for (std::size_t i = 0; i < policies.size(); ++i) {
    MissRatioCurve there;  // the estimate at those sizes
    for (std::size_t at = step / 2; at < kSizes; at += step) {
      there.miss_ratios.push_back(estimated->curves[i].miss_ratios[at]);
    }
    const double error = MeanAbsoluteDifference(there, (*exact)[i]);
    CAPTURE(policies[i]);
    CHECK(error <= (policies[i] == "lru" ? kMostLruError : kMostError));
  }
}

bool CanRun() {
  if (kSanitized) {
    Skip("too slow with a sanitizer, which finds nothing here that it does not find elsewhere");
    return false;
  }
  for (const char* trace : {"oltp", "corda_vault", "w106", "p3", "orm_busy"}) {
    if (std::filesystem::exists(TraceFolder() / (std::string(trace) + ".txt.zst"))) continue;
    Skip("no " + std::string(trace) + ".txt.zst in " + TraceFolder().string());
    return false;
  }
  return true;
}

TEST_CASE("every policy's curve of oltp and corda_vault is close to the true one") {
  if (!CanRun()) return;
  CheckErrors("corda_vault", AllPolicies(), 1);
  CheckErrors("oltp", AllPolicies(), 4);  // its exact curves at all sizes take a minute
}

TEST_CASE("lru's curves are close to the true ones on every long trace") {
  if (!CanRun()) return;
  for (const char* trace : {"oltp", "corda_vault", "w106", "p3", "orm_busy"}) {
    CheckErrors(trace, {"lru"}, 1);
  }
}

}  // namespace
}  // namespace kvcache::testing
