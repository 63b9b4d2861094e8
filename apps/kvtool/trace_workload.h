// A trace as a workload of kvtool bench.
#pragma once

#include <string>

#include "outcome.h"
#include "workload.h"

namespace kvcache::kvtool {

// Reads in the order of the trace in this file, again and again. Its keys are numbered, and the
// database has as many: their text and sizes, and whether they are written, do not count.
Outcome<WorkloadInfo> TraceWorkload(const std::string& path);

}  // namespace kvcache::kvtool
