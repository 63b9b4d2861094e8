// Requests a second that the simulator takes, by one thread, reading and unpacking of the trace
// included: simulate/POLICY/TRACE/PERCENT, of the trace's unique keys in objects of size 1; and
// read/TRACE, the reading alone. The traces: sql_pages of data/, and, where they are, two of
// ../shared/traces ($KVCACHE_SHARED/traces).
#include "simulate/simulation.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/program.h"
#include "tier/policy_registry.h"

namespace bench {
namespace {

using kvcache::PolicySpec;
using kvcache::SimulatedCase;

std::string TracePath(const std::string& trace) {
  const std::filesystem::path source = KVCACHE_SOURCE_DIR;
  const std::filesystem::path own = source / "data" / (trace + ".txt.zst");
  if (std::filesystem::exists(own)) return own;
  const char* shared = std::getenv("KVCACHE_SHARED");
  const std::filesystem::path folder = shared != nullptr ? shared : source / ".." / "shared";
  return folder / "traces" / (trace + ".txt.zst");
}

// Null where it could not be read, which the benchmark tells.
const kvcache::TraceScan* Scan(benchmark::State& state, const std::string& trace) {
  static std::map<std::string, kvcache::TraceScan> scans;
  if (const auto found = scans.find(trace); found != scans.end()) return &found->second;
  auto scan = kvcache::ScanTrace(TracePath(trace), {}, kvcache::SizeUnit::kObjects, true,
                                 [](std::uint64_t) {});
  if (!scan) {
    state.SkipWithError(scan.error().message.c_str());
    return nullptr;
  }
  return &(scans[trace] = std::move(*scan));
}

void Read(benchmark::State& state, const std::string& trace) {
  std::uint64_t requests = 0;
  for (auto _ : state) {
    auto reader = kvcache::RequestReader::Open(TracePath(trace), {}, kvcache::SizeUnit::kObjects);
    std::vector<kvcache::SimulatedRequest> batch;
    do {
      if (!reader || !reader->Next(batch)) return state.SkipWithError("cannot read the trace");
      requests += batch.size();
    } while (!batch.empty());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(requests));
}

void Simulate(benchmark::State& state, const std::optional<PolicySpec>& policy,
              const std::string& trace, std::uint64_t percent) {
  const kvcache::TraceScan* scan = Scan(state, trace);
  if (scan == nullptr) return;
  const SimulatedCase wanted{policy, scan->objects * percent / 100};
  double bytes_per_object = 0;
  for (auto _ : state) {
    const auto results = kvcache::Simulate(TracePath(trace), {&wanted, 1}, {}, scan->next_uses);
    if (!results) return state.SkipWithError(results.error().message.c_str());
    const kvcache::SimulationResult& result = results->front();
    bytes_per_object =
        static_cast<double>(result.memory_bytes) / static_cast<double>(result.objects);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(scan->requests));
  state.counters["bytes/object"] = bytes_per_object;
}

void Add(const Sizes&) {
  std::vector<std::pair<std::string, std::optional<PolicySpec>>> policies;
  for (const kvcache::PolicyInfo& info : kvcache::RegisteredPolicies()) {
    policies.emplace_back(info.name, *kvcache::ParsePolicy(info.name));
  }
  policies.emplace_back("opt", std::nullopt);
  for (const std::string trace : {"sql_pages", "oltp", "w106"}) {
    if (!std::filesystem::exists(TracePath(trace))) continue;
    benchmark::RegisterBenchmark(("read/" + trace).c_str(), Read, trace)
        ->Unit(benchmark::kMillisecond);
    for (const auto& [name, policy] : policies) {
      for (const std::uint64_t percent : {1U, 10U}) {
        const std::string title = fmt::format("simulate/{}/{}/{}", name, trace, percent);
        benchmark::RegisterBenchmark(title.c_str(), Simulate, policy, trace, percent)
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::RunProgram(argc, argv, bench::Add); }
