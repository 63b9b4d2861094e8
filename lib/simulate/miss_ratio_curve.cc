#include "simulate/miss_ratio_curve.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <iterator>

#include "simulate/stack_distances.h"
#include "simulate/worker_threads.h"

namespace kvcache {
namespace {

using Policies = std::span<const std::optional<PolicySpec>>;

bool HasOpt(Policies policies) {
  return std::ranges::any_of(policies, [](const auto& policy) { return !policy; });
}

// Calls `run(i)` for i below `count`, by so many threads. What it throws first is thrown here.
void InParallel(unsigned threads, std::size_t count, const std::function<void(std::size_t)>& run) {
  std::atomic<std::size_t> next{0};
  FirstException thrown;
  const auto work = [&] {
    thrown.Catch([&] {
      for (std::size_t i = next++; i < count && !thrown.caught(); i = next++) run(i);
    });
  };
  {
    const auto others = StartThreads(threads, work);
    work();
  }
  thrown.Rethrow();
}

// Policy by policy, of each all sizes.
std::vector<SimulatedCase> Cases(Policies policies, std::span<const std::uint64_t> sizes) {
  std::vector<SimulatedCase> cases;
  for (const auto& policy : policies) {
    for (const std::uint64_t size : sizes) cases.push_back({policy, size});
  }
  return cases;
}

// Whether all sizes can be had at once, by stack distances.
bool IsStack(const std::optional<PolicySpec>& policy, SizeUnit unit) {
  return policy && policy->info.name == "lru" && unit == SizeUnit::kObjects;
}

std::uint64_t Scaled(std::uint64_t size, double rate) {
  const double scaled = rate * static_cast<double>(size);
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::llround(scaled)));
}

void Append(MissRatioCurve& curve, const SimulatedCounts& counts) {
  curve.miss_ratios.push_back(counts.miss_ratio());
  curve.byte_miss_ratios.push_back(counts.byte_miss_ratio());
}

// Results of the whole trace.
Result<std::vector<SimulationResult>> SimulateWhole(const std::string& path,
                                                    std::span<const SimulatedCase> cases,
                                                    const SimulationOptions& options) {
  PageVector<std::uint32_t> next_uses;
  if (HasOpt(cases)) {
    auto scan = ScanTrace(path, options.trace, options.sizes, true, options.progress);
    if (!scan) return std::unexpected(scan.error());
    next_uses = std::move(scan->next_uses);
  }
  return Simulate(path, cases, options, next_uses);
}

}  // namespace

std::vector<std::uint64_t> LogarithmicSizes(std::uint64_t least, std::uint64_t most,
                                            std::size_t count) {
  std::vector<std::uint64_t> sizes;
  const double ratio = static_cast<double>(most) / static_cast<double>(least);
  for (std::size_t i = 0; i < count; ++i) {
    const double exponent =
        count == 1 ? 1 : static_cast<double>(i) / static_cast<double>(count - 1);
    const auto size = static_cast<std::uint64_t>(
        std::llround(static_cast<double>(least) * std::pow(ratio, exponent)));
    if (sizes.empty() || size > sizes.back()) sizes.push_back(size);
  }
  return sizes;
}

std::vector<MissRatioCurve> SampledCurves(const SampledTrace& sample, SizeUnit unit,
                                          Policies policies, std::span<const std::uint64_t> sizes,
                                          unsigned threads) {
  const PageVector<std::uint32_t> next_uses =
      HasOpt(policies) ? NextUses(sample.requests) : PageVector<std::uint32_t>();
  std::vector<MissRatioCurve> curves(policies.size());
  for (MissRatioCurve& curve : curves) {
    curve.miss_ratios.resize(sizes.size());
    curve.byte_miss_ratios.resize(sizes.size());
  }
  const auto simulate = [&](std::size_t policy, std::size_t size) {
    Lane lane({policies[policy], Scaled(sizes[size], sample.rate)}, unit, next_uses);
    lane.Run(sample.requests, 0);
    const SimulationResult result = lane.result();
    curves[policy].miss_ratios[size] = sample.MissRatio(result.counts.misses);
    curves[policy].byte_miss_ratios[size] = sample.ByteMissRatio(result.counts.missed_bytes);
  };
  const auto take_distances = [&](std::size_t policy) {
    StackDistances distances;
    for (const auto& [hash, bytes] : sample.requests) distances.Request(hash, bytes);
    for (std::size_t size = 0; size < sizes.size(); ++size) {
      const SimulatedCounts counts = distances.CountsAt(Scaled(sizes[size], sample.rate));
      curves[policy].miss_ratios[size] = sample.MissRatio(counts.misses);
      curves[policy].byte_miss_ratios[size] = sample.ByteMissRatio(counts.missed_bytes);
    }
  };
  InParallel(threads, policies.size() * sizes.size(), [&](std::size_t i) {
    const std::size_t policy = i / sizes.size();
    const std::size_t size = i % sizes.size();
    if (!IsStack(policies[policy], unit)) {
      simulate(policy, size);
    } else if (size == 0) {
      take_distances(policy);
    }
  });
  return curves;
}

std::vector<std::vector<double>> PolicyBytesInTier(const SampledTrace& sample, SizeUnit unit,
                                                   Policies policies,
                                                   std::span<const std::uint64_t> sizes,
                                                   unsigned threads) {
  constexpr std::size_t kLeastObjects = 2048;  // else the rounding to pages is what is measured
  const PageVector<std::uint32_t> no_next_uses;
  std::vector<std::vector<double>> bytes(policies.size(),
                                         std::vector<double>(sizes.size(), kOrderBytes));
  InParallel(threads, policies.size(), [&](std::size_t policy) {
    if (!policies[policy]) return;
    std::vector<double>& by_size = bytes[policy];
    for (std::size_t i = sizes.size(); i-- > 0;) {
      Lane lane({policies[policy], Scaled(sizes[i], sample.rate), 1}, unit, no_next_uses);
      lane.Run(sample.requests, 0);
      const SimulationResult result = lane.result();
      if (result.objects < kLeastObjects && i + 1 < sizes.size()) {
        std::ranges::fill(std::span(by_size).first(i + 1), by_size[i + 1]);
        return;
      }
      by_size[i] = static_cast<double>(result.policy_bytes) /
                   static_cast<double>(std::max<std::uint64_t>(result.objects, 1));
    }
  });
  return bytes;
}

std::vector<double> SamplingErrors(const SampledTrace& sample, SizeUnit unit, Policies policies,
                                   std::span<const std::uint64_t> sizes, unsigned threads) {
  if (sample.rate == 1) return std::vector<double>(policies.size(), 0);
  std::vector<std::uint64_t> some;
  for (std::size_t i = 0; i < sizes.size(); i += 4) some.push_back(sizes[i]);
  const auto first = SampledCurves(HalfOf(sample, false), unit, policies, some, threads);
  const auto second = SampledCurves(HalfOf(sample, true), unit, policies, some, threads);
  std::vector<double> errors;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    errors.push_back(MeanAbsoluteDifference(first[i], second[i]) / 2);
  }
  return errors;
}

namespace {

Result<MissRatioCurve> LruByStackDistances(const std::string& path,
                                           const SimulationOptions& options,
                                           std::span<const std::uint64_t> sizes) {
  auto reader = RequestReader::Open(path, options.trace, options.sizes, options.requests);
  if (!reader) return std::unexpected(reader.error());
  StackDistances distances;
  std::vector<SimulatedRequest> batch;
  do {
    if (auto read = reader->Next(batch); !read) return std::unexpected(read.error());
    for (const auto& [hash, bytes] : batch) distances.Request(hash, bytes);
    options.progress(distances.requests());
  } while (!batch.empty());
  MissRatioCurve curve;
  for (const std::uint64_t size : sizes) Append(curve, distances.CountsAt(size));
  return curve;
}

}  // namespace

Result<std::vector<MissRatioCurve>> ExactCurves(const std::string& path,
                                                const SimulationOptions& options, Policies policies,
                                                std::span<const std::uint64_t> sizes) {
  if (policies.size() == 1 && IsStack(policies[0], options.sizes.unit)) {
    auto curve = LruByStackDistances(path, options, sizes);
    if (!curve) return std::unexpected(curve.error());
    return std::vector<MissRatioCurve>{std::move(*curve)};
  }
  const auto results = SimulateWhole(path, Cases(policies, sizes), options);
  if (!results) return std::unexpected(results.error());
  std::vector<MissRatioCurve> curves(policies.size());
  for (std::size_t i = 0; i < results->size(); ++i) {
    Append(curves[i / sizes.size()], (*results)[i].counts);
  }
  return curves;
}

namespace {

struct Correction {
  double at = 0;  // index of a size
  double miss_ratio = 0;
  double byte_miss_ratio = 0;
};

Correction Between(const Correction& a, const Correction& b, double at) {
  const double part = a.at == b.at ? 0 : (at - a.at) / (b.at - a.at);
  return {at, a.miss_ratio + part * (b.miss_ratio - a.miss_ratio),
          a.byte_miss_ratio + part * (b.byte_miss_ratio - a.byte_miss_ratio)};
}

double ErrorLeft(const std::vector<Correction>& corrections) {
  if (corrections.size() < 2) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < corrections.size(); ++i) {
    const Correction& before = corrections[i == 0 ? 1 : i - 1];
    const Correction& after = corrections[i + 1 == corrections.size() ? i - 1 : i + 1];
    const double predicted = Between(before, after, corrections[i].at).miss_ratio;
    sum += std::abs(predicted - corrections[i].miss_ratio) / 2;
  }
  return sum / static_cast<double>(corrections.size());
}

}  // namespace

double CorrectCurve(MissRatioCurve& curve, std::span<const CurveAnchor> anchors, bool converges) {
  std::vector<Correction> corrections;
  for (const CurveAnchor& anchor : anchors) {
    corrections.push_back({static_cast<double>(anchor.index),
                           anchor.exact.miss_ratio() - curve.miss_ratios[anchor.index],
                           anchor.exact.byte_miss_ratio() - curve.byte_miss_ratios[anchor.index]});
  }
  const std::size_t last = curve.miss_ratios.size() - 1;
  if (converges && anchors.back().index != last) corrections.push_back({static_cast<double>(last)});
  std::size_t next = 0;  // the first correction at this size or above
  for (std::size_t i = 0; i <= last; ++i) {
    while (next + 1 < corrections.size() && corrections[next].at < static_cast<double>(i)) ++next;
    const Correction& before = corrections[next == 0 ? 0 : next - 1];
    const bool beyond = corrections[next].at < static_cast<double>(i);
    const Correction correction =
        beyond ? corrections[next] : Between(before, corrections[next], static_cast<double>(i));
    curve.miss_ratios[i] = std::clamp(curve.miss_ratios[i] + correction.miss_ratio, 0.0, 1.0);
    curve.byte_miss_ratios[i] =
        std::clamp(curve.byte_miss_ratios[i] + correction.byte_miss_ratio, 0.0, 1.0);
  }
  return ErrorLeft(corrections);
}

namespace {

// Whether a sample is not all that a policy needs, at sizes that are not too small for it. What lru
// has cached does not depend on the size of the cache but for the end of its stack, and opt never
// keeps what is used for the first time in vain.
bool NeedsAnchors(const std::optional<PolicySpec>& policy) {
  return policy && policy->info.name != "lru";
}

// All but a hundredth of the bytes requested are of objects that are no larger.
double LargerObject(const SampledTrace& sample) {
  std::vector<std::uint32_t> bytes;
  double left = 0;
  for (const SimulatedRequest& request : sample.requests) {
    bytes.push_back(request.size);
    left += request.size / 100.0;
  }
  std::ranges::sort(bytes, std::greater());
  for (const std::uint32_t size : bytes) {
    left -= size;
    if (left <= 0) return size;
  }
  return 0;
}

// Puts the first results, policy by policy, of the small sizes before what is known of the others.
void Prepend(EstimatedCurves& estimated, std::span<const SimulationResult> exact,
             std::size_t small) {
  for (std::size_t i = 0; i < estimated.curves.size(); ++i) {
    MissRatioCurve curve;
    for (const SimulationResult& result : exact.subspan(i * small, small)) {
      Append(curve, result.counts);
    }
    const MissRatioCurve& large = estimated.curves[i];
    std::ranges::copy(large.miss_ratios, std::back_inserter(curve.miss_ratios));
    std::ranges::copy(large.byte_miss_ratios, std::back_inserter(curve.byte_miss_ratios));
    // A mean over all sizes, and there is none at these.
    estimated.likely_errors[i] *= static_cast<double>(large.miss_ratios.size()) /
                                  static_cast<double>(curve.miss_ratios.size());
    estimated.curves[i] = std::move(curve);
  }
}

// The first size, and others in equal steps.
std::vector<std::size_t> AnchorIndices(std::size_t sizes, std::size_t count) {
  const std::size_t most = std::min(count, sizes);
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < most; ++i) indices.push_back(i * sizes / most);
  return indices;
}

}  // namespace

std::size_t SizesTooSmall(const SampledTrace& sample, SizeUnit unit,
                          std::span<const std::uint64_t> sizes) {
  constexpr double kLeastObjects = 8;
  if (sample.rate == 1) return 0;
  const double larger = unit == SizeUnit::kObjects ? 1 : LargerObject(sample);
  const auto enough = std::ranges::find_if(sizes, [&](std::uint64_t size) {
    return sample.rate * static_cast<double>(size) >= kLeastObjects * larger;
  });
  return static_cast<std::size_t>(enough - sizes.begin());
}

Result<EstimatedCurves> EstimateCurves(const std::string& path, const SampledTrace& sample,
                                       const SimulationOptions& options, Policies policies,
                                       std::span<const std::uint64_t> sizes, std::size_t anchors) {
  const SizeUnit unit = options.sizes.unit;
  const auto small = sizes.first(SizesTooSmall(sample, unit, sizes));
  const auto large = sizes.subspan(small.size());
  EstimatedCurves estimated{SampledCurves(sample, unit, policies, large, options.threads),
                            std::vector<double>(policies.size(), 0)};
  if (sample.rate == 1) return estimated;
  const bool converges =
      sizes.back() >= (unit == SizeUnit::kBytes ? sample.all_bytes : sample.all_keys);
  const std::vector<std::size_t> at = AnchorIndices(large.size(), anchors);
  // One correction has no neighbour that tells how good it is.
  const bool anchors_tell = at.size() > 1 || (at.size() == 1 && converges);
  std::vector<SimulatedCase> cases = Cases(policies, small);
  std::vector<std::size_t> untold;  // numbers of policies of which a sample's halves must tell
  std::vector<std::optional<PolicySpec>> untold_policies;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (NeedsAnchors(policies[i])) {
      for (const std::size_t index : at) cases.push_back({policies[i], large[index]});
      if (anchors_tell) continue;
    }
    untold.push_back(i);
    untold_policies.push_back(policies[i]);
  }
  const std::vector<double> errors =
      SamplingErrors(sample, unit, untold_policies, large, options.threads);
  for (std::size_t i = 0; i < untold.size(); ++i) estimated.likely_errors[untold[i]] = errors[i];
  if (cases.empty()) return estimated;
  const auto exact = SimulateWhole(path, cases, options);
  if (!exact) return std::unexpected(exact.error());
  estimated.whole = true;
  auto anchor = exact->begin() + static_cast<std::ptrdiff_t>(policies.size() * small.size());
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (at.empty() || !NeedsAnchors(policies[i])) continue;
    std::vector<CurveAnchor> known;
    for (const std::size_t index : at) known.push_back({index, (anchor++)->counts});
    const double left = CorrectCurve(estimated.curves[i], known, converges);
    if (anchors_tell) estimated.likely_errors[i] = left;
  }
  Prepend(estimated, *exact, small.size());
  return estimated;
}

double MeanAbsoluteDifference(const MissRatioCurve& a, const MissRatioCurve& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.miss_ratios.size(); ++i) {
    sum += std::abs(a.miss_ratios[i] - b.miss_ratios[i]);
  }
  return a.miss_ratios.empty() ? 0 : sum / static_cast<double>(a.miss_ratios.size());
}

}  // namespace kvcache
