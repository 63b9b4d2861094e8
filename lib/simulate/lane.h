// One of the caches that are simulated side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>

#include "base/pages.h"
#include "simulate/opt.h"
#include "simulate/requests.h"
#include "simulate/simulated_cache.h"
#include "simulate/simulated_tier.h"
#include "tier/policy_registry.h"

namespace kvcache {

// A cache to simulate.
struct SimulatedCase {
  std::optional<PolicySpec> policy;  // none: opt, the clairvoyant one
  std::uint64_t size = 0;            // in the simulation's unit
  // 0: one cache in exact order, as papers have it, and opt always. Otherwise a power of two: a
  // memory tier with so many shards.
  std::size_t shards = 0;
};

struct SimulationResult {
  SimulatedCounts counts;
  std::uint64_t objects = 0;       // resident at the end
  std::uint64_t memory_bytes = 0;  // that simulating them took
  std::uint64_t policy_bytes = 0;  // of that, the policy's
};

// Not thread-safe.
class Lane {
 public:
  // `next_uses`: as in TraceScan; needed for opt, and to be kept.
  Lane(const SimulatedCase& wanted, SizeUnit unit, const PageVector<std::uint32_t>& next_uses)
      : by_bytes_(unit == SizeUnit::kBytes), next_uses_(next_uses) {
    const auto make = [&](const PolicyContext& context) { return Make(wanted, context); };
    if (wanted.shards == 0 || !wanted.policy) {
      cache_.emplace<SimulatedCache>(make, wanted.size);
    } else {
      cache_.emplace<SimulatedTier>(make, wanted.size, wanted.shards);
    }
  }

  // `first`: the number in the trace of the first of these requests.
  void Run(std::span<const SimulatedRequest> requests, std::uint64_t first) {
    if (auto* cache = std::get_if<SimulatedCache>(&cache_)) Run(*cache, requests, first);
    if (auto* tier = std::get_if<SimulatedTier>(&cache_)) Run(*tier, requests, first);
  }

  SimulationResult result() const {
    SimulationResult result;
    result.counts = counts_;
    const auto add = [&result](const auto& cache) {
      result.objects = cache.objects();
      result.memory_bytes = cache.MemoryBytes();
      result.policy_bytes = cache.PolicyBytes();
    };
    if (const auto* cache = std::get_if<SimulatedCache>(&cache_)) add(*cache);
    if (const auto* tier = std::get_if<SimulatedTier>(&cache_)) add(*tier);
    return result;
  }

 private:
  static constexpr std::size_t kAhead = 8;  // requests whose index lines are on their way

  template <class SomeCache>
  void Run(SomeCache& cache, std::span<const SimulatedRequest> requests, std::uint64_t first) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (i + kAhead < requests.size()) cache.Prefetch(requests[i + kAhead].hash);
      const auto [hash, size] = requests[i];
      if (opt_ != nullptr) opt_->SetNextUse(NextUse(first + i));
      const bool hit = cache.Request(hash, by_bytes_ ? size : 1);
      counts_.bytes += size;
      counts_.misses += hit ? 0 : 1;
      counts_.missed_bytes += hit ? 0 : size;
    }
    counts_.requests += requests.size();
  }

  std::unique_ptr<Policy> Make(const SimulatedCase& wanted, const PolicyContext& context) {
    if (wanted.policy) return wanted.policy->Make(context);
    auto opt = std::make_unique<Opt>();
    opt_ = opt.get();
    return opt;
  }
  std::uint64_t NextUse(std::uint64_t request) const {
    const std::uint32_t later = next_uses_[request];
    return later == 0 ? Opt::kNever : request + later;
  }

  const bool by_bytes_;
  const PageVector<std::uint32_t>& next_uses_;
  Opt* opt_ = nullptr;  // the cache's policy, if it is that
  std::variant<std::monostate, SimulatedCache, SimulatedTier> cache_;
  SimulatedCounts counts_;
};

}  // namespace kvcache
