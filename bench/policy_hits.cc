// What a hit costs under each policy that there is: those whose hits take no lock, and those whose
// hits move lists under the lock of their shard. Time per key.
//
//   get/kvcache-POLICY/100/zipf/threads:N            into a string
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "kvcache/policy.h"
#include "support/hits.h"
#include "support/program.h"
#include "support/requests.h"
#include "systems/kvcache_system.h"

namespace bench {
namespace {

constexpr std::size_t kValueBytes = 100;

// Set up when the first benchmark selected needs it.
KvcacheSystem& Shared(const std::string& policy, std::size_t entries) {
  static std::map<std::string, std::unique_ptr<KvcacheSystem>> systems;
  static std::mutex setting_up;
  const std::lock_guard lock(setting_up);
  if (systems.empty()) AtEnd([] { systems.clear(); });
  auto& system = systems[policy];
  if (system == nullptr) {
    system = std::make_unique<KvcacheSystem>(policy, entries, kValueBytes);
    for (const std::uint32_t i : Shuffled(entries)) system->Put(KeyOf(i), ValueOf(i, kValueBytes));
  }
  return *system;
}

void Get(benchmark::State& state, const std::string& policy, std::size_t entries,
         std::size_t& next) {
  KvcacheSystem& system = Shared(policy, entries);
  const Requests& requests = SharedRequests(Distribution::kZipf, entries);
  std::string value;
  std::size_t missing = 0;
  std::size_t i = next;
  for (auto _ : state) {
    missing += system.Get(requests[i++], value) ? 0 : 1;
    benchmark::DoNotOptimize(value.data());
  }
  next = i;
  if (missing > 0) state.SkipWithError("keys were not found: this does not measure hits");
}

void RegisterAll(const Sizes& sizes) {
  const std::size_t entries = sizes.EntriesOf(kValueBytes);
  for (const kvcache::PolicyInfo& policy : kvcache::RegisteredPolicies()) {
    RegisterHits(fmt::format("get/kvcache-{}/{}/zipf", policy.name, kValueBytes), entries,
                 [=, name = policy.name](benchmark::State& state, std::size_t& next) {
                   Get(state, name, entries, next);
                 });
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::RunProgram(argc, argv, bench::RegisterAll); }
