// A trace in small, for curves: all requests of a few of its keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kvcache/error.h"
#include "simulate/requests.h"
#include "simulate/trace_scan.h"

namespace kvcache {

// Keys are sampled by their hash, so that a key's requests are in it all or none (Waldspurger,
// Park, Garthwaite, Ahmad, "Efficient MRC construction with SHARDS", FAST 2015). A cache of a
// policy and size does to the trace what one of `rate` times the size does to the sample
// (Waldspurger, Saemundsson, Ahmad, Park, "Cache modeling and optimization using miniature
// simulations", ATC 2017).
struct SampledTrace {
  std::vector<SimulatedRequest> requests;
  std::size_t keys = 0;  // unique ones among them
  double rate = 1;       // of all keys

  std::uint64_t all_requests = 0;
  std::uint64_t all_requested_bytes = 0;  // by them
  std::uint64_t all_keys = 0;             // estimated where the rate is below 1
  std::uint64_t all_bytes = 0;            // of them, each with its first size; estimated likewise
  bool has_sizes = false;                 // of any object
  std::uint64_t bad_lines = 0;
  std::string first_bad_line;

  // What is asked of the sample for a miss ratio of the trace: the misses of the sample over the
  // requests that it should have. It has more or fewer if a hot key is in it or not; those hit in
  // caches of any size, and would shift all ratios (SHARDS-adj in the paper).
  double MissRatio(std::uint64_t misses) const;
  double ByteMissRatio(std::uint64_t missed_bytes) const;  // likewise
};

// At most `most_keys` keys: those of least hash, of which the bound goes down while there are more.
// Memory: as many requests as those keys have, 16 bytes each, or twice that. Errors: as
// RequestReader's.
Result<SampledTrace> SampleTrace(const std::string& path, const TraceOptions& options,
                                 const ObjectSizes& sizes, std::size_t most_keys,
                                 const OnProgress& progress);

// The part of a sample, about half of its keys, that `second` names.
SampledTrace HalfOf(const SampledTrace& sample, bool second);

}  // namespace kvcache
