// What the sides of kvtool bench do before they are measured.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "bench_rounds.h"
#include "outcome.h"
#include "workload.h"

namespace kvcache::kvtool {

struct WarmUpOptions {
  std::uint64_t round = 0;   // operations of one that is measured
  std::uint64_t budget = 0;  // of the caches, in pairs
  // What the sides turn to when their caches are full. None: they go on as they are.
  std::optional<WorkloadInfo> then;
  std::uint64_t records = 0;            // of that workload
  std::optional<std::uint64_t> settle;  // operations after that. None: until it misses no less
};

// Asked between rounds whether to go on: an error ends it.
using GoOn = std::function<Outcome<void>()>;

// Takes all sides, which are as they were made, through the same requests: first until the caches
// are full, fast, then with reads that cost what they will when it counts.
Outcome<void> WarmUp(std::vector<Side>& sides, const WarmUpOptions& options, const GoOn& go_on);

}  // namespace kvcache::kvtool
