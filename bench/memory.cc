// What an entry costs in memory beyond its key and value, everything included: resident memory of a
// process of its own, before and after the entries went in, in shuffled order.
//
//   memory/SYSTEM/VALUE_BYTES/entries:N     counters overhead_bytes, resident_bytes: an entry
//
// The time is that of filling it.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "support/program.h"
#include "support/requests.h"
#include "systems/kvcache_system.h"
#include "systems/list_lru.h"
#include "systems/map_systems.h"
#include "systems/rocksdb_system.h"

namespace bench {
namespace {

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  statm >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// Resident bytes an entry, by a system that holds so many of them.
template <class System>
double Fill(std::size_t entries, std::size_t value_bytes) {
  const auto order = Shuffled(entries);
  const double before = ResidentBytes();
  System system(entries, value_bytes);
  for (const std::uint32_t i : order) system.Put(KeyOf(i), ValueOf(i, value_bytes));
  system.Seal();
  malloc_trim(0);
  std::string value;
  for (const std::uint32_t i : order) {
    if (!system.Get(KeyOf(i), value)) return 0;  // it does not hold them all
  }
  return (ResidentBytes() - before) / static_cast<double>(entries);
}

// In a child: what others left in the heap would be used again and not be counted.
template <class System>
double FillInChild(std::size_t entries, std::size_t value_bytes) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    const double bytes = Fill<System>(entries, value_bytes);
    const auto written = write(ends[1], &bytes, sizeof(bytes));
    _exit(written == sizeof(bytes) ? 0 : 1);
  }
  close(ends[1]);
  double bytes = 0;
  if (child < 0 || read(ends[0], &bytes, sizeof(bytes)) != sizeof(bytes)) bytes = 0;
  close(ends[0]);
  if (child > 0) waitpid(child, nullptr, 0);
  return bytes;
}

template <class System>
void Register(const Sizes& sizes, std::size_t value_bytes) {
  const std::size_t entries = sizes.EntriesOf(value_bytes);
  const auto name = fmt::format("memory/{}/{}/entries:{}", System::kName, value_bytes, entries);
  benchmark::RegisterBenchmark(
      name.c_str(),
      [=](benchmark::State& state) {
        double bytes = 0;
        for (auto _ : state) bytes = FillInChild<System>(entries, value_bytes);
        if (bytes == 0) state.SkipWithError("the entries did not fit, or the child failed");
        state.counters["resident_bytes"] = bytes;
        state.counters["overhead_bytes"] = bytes - static_cast<double>(kKeyBytes + value_bytes);
      })
      ->Iterations(1)
      ->Unit(benchmark::kSecond);
}

template <class... Systems>
void RegisterSystems(const Sizes& sizes, std::size_t value_bytes) {
  (Register<Systems>(sizes, value_bytes), ...);
}

void RegisterAll(const Sizes& sizes) {
  for (const std::size_t value_bytes : {100, 1024}) {
    RegisterSystems<KvcacheLru, KvcacheLfu, KvcacheLruK, StdUnorderedMap, AbslFlatHashMap,
                    TbbConcurrentHashMap, MutexListLru, RocksDbBlockLru, RocksDbBlockHyper,
                    RocksDbRow>(sizes, value_bytes);
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::RunProgram(argc, argv, bench::RegisterAll); }
