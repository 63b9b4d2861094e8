// A first pass over a trace: how much there is, and when each object is used again.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/pages.h"
#include "kvcache/error.h"
#include "simulate/opt_bound.h"
#include "simulate/requests.h"

namespace kvcache {

struct TraceScan {
  std::uint64_t requests = 0;
  std::uint64_t objects = 0;  // unique keys
  std::uint64_t bytes = 0;    // of them, each counted with the size it first had
  std::uint64_t requested_bytes = 0;
  bool has_sizes = false;  // of any object
  std::uint64_t bad_lines = 0;
  std::string first_bad_line;
  // By request: how many requests later its key is asked for again; 0: never. Empty unless asked
  // for. 4 bytes a request.
  PageVector<std::uint32_t> next_uses;
  // What is to be gained by knowing them. Empty unless asked for.
  OptBound opt_bound;
};

// Called now and then with the number of requests done.
using OnProgress = std::function<void(std::uint64_t requests)>;

// `uses`: whether next uses and the bound are wanted. Memory: 16 bytes a unique key while it runs,
// 28 with those. Errors: as RequestReader's.
Result<TraceScan> ScanTrace(const std::string& path, const TraceOptions& options,
                            const ObjectSizes& sizes, bool uses, const OnProgress& progress);

// The same of requests that are in memory.
PageVector<std::uint32_t> NextUses(std::span<const SimulatedRequest> requests);

}  // namespace kvcache
