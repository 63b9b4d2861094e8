#include "sampling.h"

#include <CLI/CLI.hpp>

#include "progress.h"
#include "simulation_flags.h"
#include "trace_flags.h"

namespace kvcache::kvtool {

void AddSamplingFlags(CLI::App& command, SamplingFlags& flags, const std::string& anchors_help) {
  command.add_option("--samples", flags.samples, "Keys to simulate; more are more exact")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30).description(""))
      ->capture_default_str();
  command.add_option("--anchors", flags.anchors, anchors_help)
      ->type_name("N")
      ->check(CLI::Range(0, 1000).description(""))
      ->capture_default_str();
}

Outcome<SampledTrace> ReadSample(const TraceInput& input, const ObjectSizes& sizes,
                                 const SamplingFlags& flags) {
  Progress progress("read", "requests");
  auto sample =
      SampleTrace(input.path(), input.options(), sizes, flags.samples, Reporter(progress));
  if (!sample) return std::unexpected(BadTrace(sample.error()));
  return std::move(*sample);
}

Outcome<EstimatedCurves> Estimate(const TraceInput& input, const SampledTrace& sample,
                                  const ObjectSizes& object_sizes, unsigned threads,
                                  std::span<const std::optional<PolicySpec>> policies,
                                  std::span<const std::uint64_t> sizes,
                                  const SamplingFlags& flags) {
  Progress progress("simulate", "requests");
  progress.set_total(sample.all_requests);
  auto estimated = EstimateCurves(input.path(), sample,
                                  {.sizes = object_sizes,
                                   .trace = input.options(),
                                   .requests = sample.all_requests,
                                   .threads = threads,
                                   .progress = Reporter(progress)},
                                  policies, sizes, flags.anchors);
  if (!estimated) return std::unexpected(BadTrace(estimated.error()));
  return std::move(*estimated);
}

}  // namespace kvcache::kvtool
