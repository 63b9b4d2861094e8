// What a hit costs: kvcache under each policy beside what people use today. Time per key.
//
//   get/SYSTEM/VALUE_BYTES/zipf|uniform/threads:N            into a string
//   get-zero-copy/kvcache-POLICY/VALUE_BYTES/...             a handle on the value in the tier
//   multiget/SYSTEM/VALUE_BYTES/zipf|uniform/threads:N       100 keys a call
//   chase/VALUE_BYTES                                        a lookup's two reads of memory alone
//
// A system is set up, in shuffled order, when the first benchmark selected needs it, and stays.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "support/hits.h"
#include "support/program.h"
#include "support/requests.h"
#include "systems/kvcache_system.h"
#include "systems/list_lru.h"
#include "systems/map_systems.h"
#include "systems/rocksdb_system.h"

namespace bench {
namespace {

struct Case {
  std::size_t value_bytes;
  std::size_t entries;
  Distribution distribution;

  const Requests& requests() const { return SharedRequests(distribution, entries); }
};

template <class System>
System& Shared(const Case& c) {
  static std::map<std::size_t, std::unique_ptr<System>> systems;  // by value size
  if (systems.empty()) AtEnd([] { systems.clear(); });
  auto& system = systems[c.value_bytes];
  if (system == nullptr) {
    system = std::make_unique<System>(c.entries, c.value_bytes);
    for (const std::uint32_t i : Shuffled(c.entries)) {
      system->Put(KeyOf(i), ValueOf(i, c.value_bytes));
    }
    system->Seal();
  }
  return *system;
}

// Runs `lookup(system, requests, i)`, which returns the keys not found, for `batch` keys at once.
template <class System, class Lookup>
void Measure(benchmark::State& state, const Case& c, std::size_t& next, std::size_t batch,
             Lookup&& lookup) {
  static std::mutex setting_up;
  std::unique_lock lock(setting_up);
  System& system = Shared<System>(c);
  const Requests& requests = c.requests();
  lock.unlock();
  std::size_t missing = 0;
  std::size_t i = next;
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(batch))) {
    missing += lookup(system, requests, i);
    i += batch;
  }
  next = i;
  if (missing > 0) state.SkipWithError("keys were not found: this does not measure hits");
}

template <class System>
void Get(benchmark::State& state, const Case& c, std::size_t& next) {
  std::string value;
  const auto look_up = [&](System& system, const Requests& requests, std::size_t i) {
    const bool found = system.Get(requests[i], value);
    benchmark::DoNotOptimize(value.data());
    return found ? 0 : 1;
  };
  Measure<System>(state, c, next, 1, look_up);
}

template <class System>
void GetZeroCopy(benchmark::State& state, const Case& c, std::size_t& next) {
  const auto look_up = [](System& system, const Requests& requests, std::size_t i) {
    return system.GetZeroCopy(requests[i]) ? 0 : 1;
  };
  Measure<System>(state, c, next, 1, look_up);
}

template <class System>
void MultiGet(benchmark::State& state, const Case& c, std::size_t& next) {
  constexpr std::size_t kBatch = 100;
  std::array<std::string_view, kBatch> keys;
  const auto look_up = [&](System& system, const Requests& requests, std::size_t i) {
    for (std::size_t k = 0; k < kBatch; ++k) keys[k] = requests[i + k];
    return kBatch - system.MultiGet(keys);
  };
  Measure<System>(state, c, next, kBatch, look_up);
}

struct alignas(64) Line {
  std::size_t next = 0;
};
using Lines = std::unique_ptr<Line[], void (*)(void*)>;

// On huge pages where there are any, as the tier has them.
Lines NewLines(std::size_t count) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t bytes = (count * sizeof(Line) + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = std::aligned_alloc(kHugePage, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  madvise(memory, bytes, MADV_HUGEPAGE);
  std::uninitialized_default_construct_n(static_cast<Line*>(memory), count);
  return {static_cast<Line*>(memory), std::free};
}

// What memory itself costs a lookup among so many entries, nothing else done: round a random cycle
// through all of them, a slot of a table that is three quarters full and then the entry that it
// names, each read only when the one before has come.
void Chase(benchmark::State& state, const Case& c) {
  constexpr std::size_t kEntriesInLine = 6;  // of the table, with slots of 8 bytes
  constexpr std::size_t kHeaderAndKey = 64;
  const std::size_t lines = (kHeaderAndKey + c.value_bytes + sizeof(Line) - 1) / sizeof(Line);
  const Lines table = NewLines(c.entries / kEntriesInLine + 1);  // each slot says: add 0
  const Lines entries = NewLines(c.entries * lines);
  const auto order = Shuffled(c.entries);
  for (std::size_t i = 0; i < c.entries; ++i) {
    entries[order[i] * lines].next = order[(i + 1) % c.entries];
  }
  std::size_t at = 0;
  for (auto _ : state) {
    at = entries[(at + table[at / kEntriesInLine].next) * lines].next;
    benchmark::DoNotOptimize(at);
  }
}

template <class System>
void Register(std::string_view operation, const Case& c,
              void (*run)(benchmark::State&, const Case&, std::size_t&)) {
  const auto name =
      fmt::format("{}/{}/{}/{}", operation, System::kName, c.value_bytes, NameOf(c.distribution));
  RegisterHits(name, c.entries,
               [run, c](benchmark::State& state, std::size_t& next) { run(state, c, next); });
}

template <class... Systems>
void RegisterGet(const Case& c) {
  (Register<Systems>("get", c, Get<Systems>), ...);
}
template <class... Systems>
void RegisterMultiGet(const Case& c) {
  (Register<Systems>("multiget", c, MultiGet<Systems>), ...);
}
template <class... Systems>
void RegisterZeroCopy(const Case& c) {
  (Register<Systems>("get-zero-copy", c, GetZeroCopy<Systems>), ...);
}

void RegisterAll(const Sizes& sizes) {
  for (const std::uint64_t value_bytes : kValueSizes) {
    const Case chase{value_bytes, sizes.EntriesOf(value_bytes), Distribution::kUniform};
    benchmark::RegisterBenchmark(fmt::format("chase/{}", value_bytes).c_str(),
                                 [chase](benchmark::State& state) { Chase(state, chase); });
    for (const Distribution distribution : {Distribution::kZipf, Distribution::kUniform}) {
      const Case c{value_bytes, sizes.EntriesOf(value_bytes), distribution};
      RegisterGet<KvcacheLru, KvcacheLfu, KvcacheLruK, StdUnorderedMap, AbslFlatHashMap,
                  TbbConcurrentHashMap, MutexListLru, RocksDbBlockLru, RocksDbBlockHyper,
                  RocksDbRow>(c);
      RegisterZeroCopy<KvcacheLru, KvcacheLfu, KvcacheLruK>(c);
      RegisterMultiGet<KvcacheLru, KvcacheLfu, KvcacheLruK, RocksDbBlockLru, RocksDbBlockHyper,
                       RocksDbRow>(c);
    }
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::RunProgram(argc, argv, bench::RegisterAll); }
