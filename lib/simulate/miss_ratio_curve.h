// Miss ratio curves: what a policy misses at each size.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kvcache/error.h"
#include "simulate/sampled_trace.h"
#include "simulate/simulation.h"
#include "tier/policy_registry.h"

namespace kvcache {

struct MissRatioCurve {
  std::vector<double> miss_ratios;       // by size
  std::vector<double> byte_miss_ratios;  // by size
};

// `count` sizes from `least` to `most`, each about as many times the one before; fewer where they
// would be the same.
std::vector<std::uint64_t> LogarithmicSizes(std::uint64_t least, std::uint64_t most,
                                            std::size_t count);

// One curve a policy (none: opt), by simulating each size in small; lru's, where objects are
// counted, by stack distances.
std::vector<MissRatioCurve> SampledCurves(const SampledTrace& sample, SizeUnit unit,
                                          std::span<const std::optional<PolicySpec>> policies,
                                          std::span<const std::uint64_t> sizes, unsigned threads);

// Bytes that each policy (none: opt, which gets kOrderBytes) keeps for a resident object in a
// memory tier, by size: its order and, where not all is resident, history or ghosts. At sizes too
// small for the sample to tell, as many as at the first that it tells of.
std::vector<std::vector<double>> PolicyBytesInTier(
    const SampledTrace& sample, SizeUnit unit, std::span<const std::optional<PolicySpec>> policies,
    std::span<const std::uint64_t> sizes, unsigned threads);

// The error of each curve that chance is likely to cause, the mean over all sizes, of the object
// miss ratio: curves of the sample's two halves differ by twice as much on average. Of every fourth
// size. It does not tell a bias that all samples have, see CorrectCurve.
std::vector<double> SamplingErrors(const SampledTrace& sample, SizeUnit unit,
                                   std::span<const std::optional<PolicySpec>> policies,
                                   std::span<const std::uint64_t> sizes, unsigned threads);

// A size at which a curve's true miss ratio is known.
struct CurveAnchor {
  std::size_t index = 0;  // of the curve's sizes
  SimulatedCounts exact;
};

// Corrects a sampled curve by what it is off at its anchors (in order, at least one), in between in
// proportion to the steps. Policies that let new objects live for a few requests, whatever the size
// of the cache (lfu, sieve, lirs), do so in a small one with a small trace too, where those
// requests stand for hundreds: their samples are off by as much as 0.3, all in the same direction.
// Where `converges`, all objects fit at the last size, and nothing is to be corrected there.
//
// Returns the error that is likely left, the mean over all sizes: half of what each anchor's
// correction differs from the one that its neighbours predict.
double CorrectCurve(MissRatioCurve& curve, std::span<const CurveAnchor> anchors, bool converges);

struct EstimatedCurves {
  std::vector<MissRatioCurve> curves;  // by policy
  std::vector<double> likely_errors;   // of their miss ratios, means over all sizes
  bool whole = false;                  // at some sizes the whole trace was simulated too
};

// How many of the sizes, ascending, are too small for a cache in small: it would have room for
// fewer than eight of the larger objects. Those have all but 1 % of the weight of all requests
// below them.
std::size_t SizesTooSmall(const SampledTrace& sample, SizeUnit unit,
                          std::span<const std::uint64_t> sizes);

// Sampled curves, but for sizes too small for that, at which the whole trace is simulated; those of
// other policies than lru and opt corrected by simulations of the whole trace at `anchors` of the
// other sizes. In one more pass over the trace, or two for opt at small sizes. Errors: as
// RequestReader's.
Result<EstimatedCurves> EstimateCurves(const std::string& path, const SampledTrace& sample,
                                       const SimulationOptions& options,
                                       std::span<const std::optional<PolicySpec>> policies,
                                       std::span<const std::uint64_t> sizes, std::size_t anchors);

// The true curves, from the whole trace; lru's, where it is alone and objects are counted, by stack
// distances. Reads the trace once, or twice for opt. Errors: as RequestReader's.
Result<std::vector<MissRatioCurve>> ExactCurves(const std::string& path,
                                                const SimulationOptions& options,
                                                std::span<const std::optional<PolicySpec>> policies,
                                                std::span<const std::uint64_t> sizes);

// The mean over all sizes of how far two curves' miss ratios are apart.
double MeanAbsoluteDifference(const MissRatioCurve& a, const MissRatioCurve& b);

}  // namespace kvcache
