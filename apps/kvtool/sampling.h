// What the commands that simulate a sample of a trace have in common.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "outcome.h"
#include "simulate/miss_ratio_curve.h"
#include "simulate/sampled_trace.h"
#include "trace_input.h"

namespace kvcache::kvtool {

struct SamplingFlags {
  std::size_t samples = 8192;
  std::size_t anchors = 4;
};

// --samples and --anchors.
void AddSamplingFlags(CLI::App& command, SamplingFlags& flags, const std::string& anchors_help);

Outcome<SampledTrace> ReadSample(const TraceInput& input, const ObjectSizes& sizes,
                                 const SamplingFlags& flags);

// As the library's EstimateCurves.
Outcome<EstimatedCurves> Estimate(const TraceInput& input, const SampledTrace& sample,
                                  const ObjectSizes& object_sizes, unsigned threads,
                                  std::span<const std::optional<PolicySpec>> policies,
                                  std::span<const std::uint64_t> sizes, const SamplingFlags& flags);

}  // namespace kvcache::kvtool
