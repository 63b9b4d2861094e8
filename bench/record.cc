// What recording costs a hit: Get of values of 100 bytes, as hit_path has it, while a sample of the
// keys is recorded into a file (Cache::StartRecording).
//
//   record/1e-06|0.01|1/uniform|zipf/THREADS      of a millionth nothing is recorded: it shows what
//                                                 the measurement is worth
//
// An iteration is four equal runs of lookups: not recorded, recorded twice, not recorded. What the
// machine does beside it hits both alike, and counts little in a median:
//   ratio, cpu_ratio   median over iterations of recorded time / not recorded time, by the clock
//   and
//                      of the threads' processor time (without the recorder's own thread)
//   off_ns             median of a lookup that is not recorded, by the clock, over all threads
//   recorded           share of the lookups that were recorded. Of Zipf's it is far from the sample
//                      where a hot key is among those sampled, which is another matter in each
//                      process
// The file is in $TMPDIR, else /tmp.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kvcache/cache.h"
#include "support/program.h"
#include "support/requests.h"
#include "systems/kvcache_system.h"

namespace bench {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kLookups = 500'000;  // of a thread in a run

struct Case {
  double sample;
  std::size_t entries;
  Distribution distribution;
  std::size_t threads;
};

// All cases look the same keys up in the same cache, so that the same ones are sampled.
kvcache::Cache& SharedCache(std::size_t entries) {
  static std::unique_ptr<kvcache::Cache> cache;
  if (cache == nullptr) {
    const std::uint64_t capacity = entries * (kValueBytes + 160) + (std::uint64_t{64} << 20);
    cache = OpenOrExit({.capacity = capacity}, std::make_unique<NullStore>());
    for (const std::uint32_t i : Shuffled(entries)) {
      (void)cache->Put(KeyOf(i), ValueOf(i, kValueBytes));
    }
    AtEnd([] { cache.reset(); });
  }
  return *cache;
}

std::string File() { return std::filesystem::temp_directory_path() / "kvcache-bench-record.txt"; }

struct Times {
  double wall = 0;  // seconds
  double cpu = 0;
};

Times Now() {
  timespec cpu;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double>(wall).count(),
          static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) / 1e9};
}

// One thread's lookups; what it does not find it adds to `missing`.
Times Look(kvcache::Cache& cache, const Requests& requests, std::size_t first,
           std::atomic<std::size_t>& missing) {
  std::string value;
  std::size_t lost = 0;
  const Times begin = Now();
  for (std::size_t i = first; i < first + kLookups; ++i) {
    const auto found = cache.Get(requests[i], value);
    lost += !found || !*found;
    benchmark::DoNotOptimize(value.data());
  }
  const Times end = Now();
  missing += lost;
  return {end.wall - begin.wall, end.cpu - begin.cpu};
}

class Measurement {
 public:
  Measurement(const Case& c, std::size_t first)
      : case_(c),
        cache_(SharedCache(c.entries)),
        requests_(SharedRequests(c.distribution, c.entries)),
        first_(first) {}

  // The threads' mean time.
  Times Run(bool record) {
    if (record)
      Expect(cache_.StartRecording(
          {.path = File(), .sample = case_.sample, .replace = true, .wait = true}));
    std::vector<Times> times(case_.threads);
    {
      std::barrier begin(static_cast<std::ptrdiff_t>(case_.threads));
      std::vector<std::jthread> threads;
      for (std::size_t t = 0; t < case_.threads; ++t) {
        threads.emplace_back([&, t] {
          begin.arrive_and_wait();
          times[t] = Look(cache_, requests_, first_ + FirstOf(t), missing_);
        });
      }
    }
    if (record) {
      const auto stopped = cache_.StopRecording();
      Expect(stopped);
      if (stopped) recorded_ = stopped->requests;
    }
    Times mean;
    for (const Times& one : times) {
      mean.wall += one.wall / static_cast<double>(case_.threads);
      mean.cpu += one.cpu / static_cast<double>(case_.threads);
    }
    return mean;
  }

  double recorded_share() const {
    return static_cast<double>(recorded_) / static_cast<double>(kLookups * case_.threads);
  }
  const std::string& error() const { return error_; }
  bool missed() const { return missing_ > 0; }

 private:
  template <class Result>
  void Expect(const Result& result) {
    if (!result) error_ = result.error().message;
  }

  const Case& case_;
  kvcache::Cache& cache_;
  const Requests& requests_;
  const std::size_t first_;
  std::atomic<std::size_t> missing_{0};
  std::uint64_t recorded_ = 0;
  std::string error_;
};

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

void Record(benchmark::State& state, const Case& c) {
  std::vector<double> off_ns;
  std::vector<double> wall;
  std::vector<double> cpu;
  std::size_t first = 0;
  for (auto _ : state) {
    Measurement measurement(c, first);
    first += kLookups;
    const Times off = measurement.Run(false);
    const Times on = measurement.Run(true);
    const Times on_again = measurement.Run(true);
    const Times off_again = measurement.Run(false);
    if (!measurement.error().empty()) return state.SkipWithError(measurement.error().c_str());
    if (measurement.missed()) return state.SkipWithError("keys were not found: no hits");
    wall.push_back((on.wall + on_again.wall) / (off.wall + off_again.wall));
    cpu.push_back((on.cpu + on_again.cpu) / (off.cpu + off_again.cpu));
    off_ns.push_back((off.wall + off_again.wall) / 2 / kLookups * 1e9 /
                     static_cast<double>(c.threads));
    state.counters["recorded"] = measurement.recorded_share();
    state.SetIterationTime(on.wall + on_again.wall);
  }
  state.counters["ratio"] = Median(wall);
  state.counters["cpu_ratio"] = Median(cpu);
  state.counters["off_ns"] = Median(off_ns);
  std::filesystem::remove(File());
}

void Add(const Sizes& sizes) {
  for (const double sample : {1e-6, 0.01, 1.0}) {
    for (const Distribution distribution : {Distribution::kUniform, Distribution::kZipf}) {
      for (const std::size_t threads : {1, 2}) {
        const Case c{sample, sizes.EntriesOf(kValueBytes), distribution, threads};
        const std::string name =
            fmt::format("record/{}/{}/{}", sample, NameOf(distribution), threads);
        benchmark::RegisterBenchmark(name.c_str(),
                                     [c](benchmark::State& state) { Record(state, c); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::RunProgram(argc, argv, bench::Add); }
