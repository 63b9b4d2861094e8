// One of the caches that are simulated side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/pages.h"
#include "simulate/opt.h"
#include "simulate/requests.h"
#include "simulate/simulated_cache.h"
#include "tier/policy_registry.h"

namespace kvcache {

// A cache to simulate.
struct SimulatedCase {
  std::optional<PolicySpec> policy;  // none: opt, the clairvoyant one
  std::uint64_t size = 0;            // in the simulation's unit
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
      : by_bytes_(unit == SizeUnit::kBytes),
        next_uses_(next_uses),
        cache_([&](const PolicyContext& context) { return Make(wanted, context); }, wanted.size) {}

  // `first`: the number in the trace of the first of these requests.
  void Run(std::span<const SimulatedRequest> requests, std::uint64_t first) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (i + kAhead < requests.size()) cache_.Prefetch(requests[i + kAhead].hash);
      const auto [hash, size] = requests[i];
      if (opt_ != nullptr) opt_->SetNextUse(NextUse(first + i));
      const bool hit = cache_.Request(hash, by_bytes_ ? size : 1);
      counts_.bytes += size;
      counts_.misses += hit ? 0 : 1;
      counts_.missed_bytes += hit ? 0 : size;
    }
    counts_.requests += requests.size();
  }

  SimulationResult result() const {
    return {counts_, cache_.objects(), cache_.MemoryBytes(), cache_.PolicyBytes()};
  }

 private:
  static constexpr std::size_t kAhead = 8;  // requests whose index lines are on their way

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
  SimulatedCache cache_;
  SimulatedCounts counts_;
};

}  // namespace kvcache
