// The two passes of replay over a trace. An interrupt, if they are caught, ends either.
#pragma once

#include <cstdint>
#include <string>

#include "kvcache/cache.h"
#include "kvcache/stats.h"
#include "outcome.h"
#include "session.h"
#include "simulate/trace_reader.h"

namespace kvcache::kvtool {

struct StoredKeys {
  std::uint64_t requests = 0;  // in the trace
  std::uint64_t keys = 0;      // distinct
  std::uint64_t stored = 0;    // of them, those that the database lacked
};

// Stores each key that the database lacks, past the tier: a value of the trace's size, or 100 B.
Outcome<StoredKeys> StoreMissingKeys(Session& session, const std::string& trace,
                                     const TraceOptions& options, Cache& cache);

struct ReplayResult {
  std::uint64_t requests = 0;
  double seconds = 0;        // in lookups, reading the trace not included: the busiest thread's
  LatencyHistogram latency;  // of lookups
  std::uint64_t other_operations = 0;  // lines left out, as they are no reads
  std::uint64_t bad_lines = 0;         // and as they are malformed
};

// Looks up every request's key, by `threads` threads that share the trace between them.
// `requests`: how many there are, 0 if not known.
Outcome<ReplayResult> ReplayTrace(Session& session, const std::string& trace,
                                  const TraceOptions& options, Cache& cache, unsigned threads,
                                  std::uint64_t requests);

}  // namespace kvcache::kvtool
