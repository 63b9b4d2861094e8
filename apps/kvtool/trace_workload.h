// A trace as a workload of kvtool bench.
#pragma once

#include <string>

#include "outcome.h"
#include "workload.h"

namespace kvcache::kvtool {

// Reads of the keys of the trace in this file, again and again; the database has just these keys.
Outcome<WorkloadInfo> TraceWorkload(const std::string& path);

}  // namespace kvcache::kvtool
