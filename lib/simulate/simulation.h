// Many caches over one trace, in one pass.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kvcache/error.h"
#include "simulate/lane.h"
#include "simulate/requests.h"
#include "simulate/trace_scan.h"

namespace kvcache {

struct SimulationOptions {
  ObjectSizes sizes = SizeUnit::kObjects;
  TraceOptions trace = {};
  std::uint64_t requests = RequestReader::kAll;  // at most so many, the first
  unsigned threads = 1;
  OnProgress progress = [](std::uint64_t) {};
};

bool HasOpt(std::span<const SimulatedCase> cases);

// The results, in the order of `cases`. The caches are shared out between the threads, or as many
// as the system gives, and the trace is read beside them. What is thrown in them is thrown here.
// `next_uses`: of a scan of the same trace, needed if there is an opt; what came to the trace after
// the scan is left out then. Errors: as RequestReader's.
Result<std::vector<SimulationResult>> Simulate(const std::string& path,
                                               std::span<const SimulatedCase> cases,
                                               const SimulationOptions& options,
                                               const PageVector<std::uint32_t>& next_uses);

}  // namespace kvcache
