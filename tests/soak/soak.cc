// Soaks a cache: for minutes, threads read and write all they can while policy, capacity, recording
// and invalidation switch under them and the store fails now and then. After each round, at rest
// and back at one setting, it checks what must hold: counters add up, entries and bytes are what is
// really there, and nothing is left over; and over the rounds, that memory and times do not drift.
#include <fmt/format.h>
#include <malloc.h>
#include <rocksdb/options.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "drift.h"
#include "kvcache/memory_store.h"
#include "kvcache/options.h"
#include "kvcache/rocksdb.h"
#include "kvcache/size.h"
#include "load.h"
#include "support/failing_store.h"
#include "support/proc.h"
#include "support/temp_folder.h"
#include "support/text.h"
#include "tier/policy_registry.h"
#include "tier/slab_allocator.h"

namespace kvcache::soak {
namespace {

struct Arguments {
  double minutes = 0;  // 0: as many rounds as are given
  std::size_t rounds = 3;
  std::uint64_t calls = 20'000;  // of each thread, a round
  std::uint64_t switches = 20;   // a round
  std::size_t keys = 20'000;
  std::size_t threads = 4;
  std::uint64_t seed = 1;
  std::string capacity = "4MiB";
  std::string store = "memory";
};

// At the one setting. Times in nanoseconds.
struct Observation {
  double resident = 0;   // the process, its store included
  double tier = 0;       // its own account: Stats::memory_bytes
  double processor = 0;  // a call of the load, on average
  double get = 0;        // a Get by the clock, on average
  double p50 = 0;
  double p99 = 0;
};

double Ratio(std::uint64_t sum, std::uint64_t count) {
  return static_cast<double>(sum) / static_cast<double>(count);
}

// What is in the shard, entry by entry.
struct Content {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};
Content CountContent(Shard& shard) {
  const std::lock_guard lock(shard.mutex());
  Content content;
  for (std::size_t position = 0; position < shard.table().positions(); ++position) {
    const Entry* entry = shard.table().At(position);
    if (entry == nullptr) continue;
    ++content.entries;
    content.bytes += SlabAllocator::ChargeOf(entry);
  }
  return content;
}

class Soak {
 public:
  Soak(const Arguments& arguments, std::unique_ptr<testing::FailingStore> store,
       std::uint64_t capacity)
      : arguments_(arguments),
        capacity_(capacity),
        failing_(*store),
        protocol_(OptionsOf(capacity), *ParsePolicy("lru"), std::move(store)),
        load_(protocol_, failing_,
              {.keys = arguments.keys, .threads = arguments.threads, .seed = arguments.seed}),
        random_(arguments.seed) {
    for (const PolicyInfo& info : RegisteredPolicies()) {
      policies_.push_back(*ParsePolicy(info.name));
    }
  }

  // False, and a line that says why, when something is wrong.
  bool Run() {
    const auto begin = std::chrono::steady_clock::now();
    const auto over = [&] {
      const auto spent = std::chrono::steady_clock::now() - begin;
      return arguments_.minutes > 0
                 ? spent > std::chrono::duration<double, std::ratio<60>>(arguments_.minutes)
                 : observations_.size() >= arguments_.rounds;
    };
    sum_ += load_.WriteAll();
    while (!over() && problems_.empty()) RunRound();
    if (problems_.empty()) CheckDrift();
    for (const std::string& problem : problems_) fmt::print(stderr, "soak: {}\n", problem);
    return problems_.empty();
  }

  std::string Totals() const {
    return fmt::format("{} rounds, {} lookups, {} keys written, {} calls of the store failed",
                       observations_.size(), sum_.lookups, sum_.writes, failing_.faults());
  }

 private:
  static constexpr std::uint64_t kAuditOneIn = 64;
  static constexpr double kFailing = 0.002;  // of the store's calls

  static Options OptionsOf(std::uint64_t capacity) {
    Options options;
    options.capacity = capacity;
    options.cache_absent = true;
    options.audit_one_in = kAuditOneIn;
    return options;
  }

  void Expect(bool holds, const std::string& what) {
    if (!holds) problems_.push_back(fmt::format("round {}: {}", observations_.size() + 1, what));
  }

  // Switches under load and faults, then the same load at the one setting, whose memory and times
  // count.
  void RunRound() {
    const std::uint64_t calls = arguments_.calls * arguments_.threads;
    std::uint64_t switched = 0;
    failing_.FailRandomly(random_(), kFailing);
    sum_ += load_.Run(arguments_.calls, [&](std::uint64_t made) {
      if (made < switched * calls / arguments_.switches) return std::this_thread::yield();
      Switch();
      ++switched;
    });
    failing_.FailRandomly(0, 0);
    if (protocol_.recorder().on()) SwitchRecording();
    protocol_.tier().SetPolicy(policies_[0]);
    protocol_.tier().SetCapacity(capacity_);
    const Round settled = load_.Run(arguments_.calls);
    sum_ += settled;
    Expect(load_.failure().empty(), load_.failure());
    CheckCounters();
    Observe(settled);
  }

  void Observe(const Round& settled) {
    const std::uint64_t calls = arguments_.calls * arguments_.threads;
    observations_.push_back({.resident = static_cast<double>(testing::ResidentBytes()),
                             .tier = static_cast<double>(protocol_.GetStats().memory_bytes),
                             .processor = Ratio(settled.processor_nanoseconds, calls),
                             .get = Ratio(settled.get_nanoseconds, settled.gets),
                             .p50 = static_cast<double>(settled.get_latency.Percentile(0.5)),
                             .p99 = static_cast<double>(settled.get_latency.Percentile(0.99))});
    const Observation& seen = observations_.back();
    fmt::print(
        "round {}: {} lookups, resident {:.1f} MiB, tier {:.1f} MiB, {:.0f} ns of processor "
        "a call, Get {:.0f} ns, p50 {:.0f} ns, p99 {:.0f} ns\n",
        observations_.size(), sum_.lookups, seen.resident / (1 << 20), seen.tier / (1 << 20),
        seen.processor, seen.get, seen.p50, seen.p99);
    std::fflush(stdout);
  }

  void Switch() {
    const auto part = [&] { return capacity_ * testing::Below(random_, 101) / 100; };
    switch (testing::Below(random_, 12)) {
      case 0:
      case 1:
        return protocol_.tier().SetCapacity(part());
      case 2:
      case 3:
        return protocol_.tier().SetCapacityEntries(1 + testing::Below(random_, arguments_.keys));
      case 4:
      case 5:
        return SwitchRecording();
      case 6:
        return protocol_.Invalidate(Scope([](std::string_view) { return true; }));
      case 7: {
        const std::string prefix =
            load_.KeyName(testing::Below(random_, load_.keys())).substr(0, 14);
        return protocol_.Invalidate(
            Scope([&](std::string_view key) { return key.starts_with(prefix); }));
      }
      default:
        return protocol_.tier().SetPolicy(policies_[testing::Below(random_, policies_.size())]);
    }
  }

  void SwitchRecording() {
    Recorder& recorder = protocol_.recorder();
    if (recorder.on()) {
      const auto stopped = recorder.Stop();
      return Expect(stopped.has_value(), stopped ? "" : stopped.error().message);
    }
    const auto started =
        recorder.Start({.path = folder_ / "trace.txt.zst", .sample = 0.1, .replace = true});
    Expect(started.has_value(), testing::Text(started));
  }

  // At rest.
  void CheckCounters() {
    const Stats stats = protocol_.GetStats();
    const ShardStats& total = stats.total;
    const auto equal = [&](std::uint64_t a, std::uint64_t b, std::string_view what) {
      Expect(a == b, fmt::format("{}: {} and {}", what, a, b));
    };
    const std::uint64_t lookups = total.hits + total.misses;
    Expect(sum_.lookups <= lookups && lookups <= sum_.lookups + sum_.lookups_perhaps,
           fmt::format("hits and misses, and lookups: {}, and {} to {}", lookups, sum_.lookups,
                       sum_.lookups + sum_.lookups_perhaps));
    equal(total.writes, sum_.writes, "writes, and keys written");
    equal(total.misses, total.loads + total.shared_loads, "misses, and loads with shared ones");
    // Each load that failed failed its own lookup, and others that shared it.
    Expect(total.load_errors <= sum_.lookup_errors &&
               sum_.lookup_errors <= total.load_errors + total.shared_loads,
           fmt::format("{} loads that failed, {} shared loads, and yet {} lookups that failed",
                       total.load_errors, total.shared_loads, sum_.lookup_errors));
    equal(total.entries, total.inserts - total.evictions - total.invalidations,
          "entries, and inserts less those that left");
    Content content;
    for (std::size_t i = 0; i < protocol_.tier().shards(); ++i) {
      const Content part = CountContent(protocol_.tier().shard(i));
      content.entries += part.entries;
      content.bytes += part.bytes;
    }
    equal(total.entries, content.entries, "entries, and those found");
    equal(total.bytes, content.bytes, "bytes, and those of the entries found");
    equal(stats.pinned_bytes, 0, "bytes that nobody holds, and none");
    equal(total.disagreements, 0, "disagreements, and none");
    Expect(total.audits > 0, "no hit was audited");
    // Nothing may have been inserted since a table or an order grew.
    Expect(stats.memory_bytes <= capacity_ + 2 * SlabAllocator::kSlabBytes,
           fmt::format("memory {} above the capacity", stats.memory_bytes));
  }

  // Of the rounds after the first quarter, in which caches fill and heaps grow.
  void CheckDrift() {
    const std::size_t first = observations_.size() / 4;
    const std::size_t judged = observations_.size() - first;
    if (arguments_.minutes == 0 || judged < kFewestToJudge) {
      fmt::print(
          "drift not judged: it takes --minutes, and {} rounds after the first quarter; "
          "these are {}\n",
          kFewestToJudge, judged);
      return;
    }
    const auto drift = [&](double Observation::* what, std::string_view name, Middle middle) {
      std::vector<double> figures;
      for (std::size_t i = first; i < observations_.size(); ++i) {
        figures.push_back(observations_[i].*what);
      }
      const Drift found = DriftOf(figures, middle);
      fmt::print("{}: last third {:+.2f} % on the first, {:.2f} % between thirds{}\n", name,
                 found.growth * 100, found.spread * 100, found.rising ? ", rising throughout" : "");
      return found;
    };
    for (const auto& [what, name] : {std::pair(&Observation::resident, "resident memory"),
                                     std::pair(&Observation::tier, "the tier's memory")}) {
      Expect(IsFlat(drift(what, name, Middle::kMean)), fmt::format("not flat: {}", name));
    }
    const auto slower = [&](double Observation::* what, std::string_view name) {
      return drift(what, name, Middle::kMedian);
    };
    const Drift processor = slower(&Observation::processor, "processor time of a call");
    const Drift get = slower(&Observation::get, "time of a Get");
    const Drift p50 = slower(&Observation::p50, "median of Get");
    slower(&Observation::p99, "99th percentile of Get, not judged");
    Expect(!GrowsSteadily(processor), "the processor time of a call grows steadily");
    Expect(!GrowsSteadily(get), "the time of a Get grows steadily");
    // Both depend on what else the machine does, the second is of buckets a quarter wide.
    Expect(processor.growth < 0.5, "the processor time of a call grew by half");
    Expect(p50.growth < 0.6, "the median of Get grew to 1.6 times");
  }

  const Arguments arguments_;
  const std::uint64_t capacity_;
  const testing::TempFolder folder_;
  testing::FailingStore& failing_;
  Protocol protocol_;
  Load load_;
  Random random_;
  std::vector<PolicySpec> policies_;
  std::vector<Observation> observations_;
  std::vector<std::string> problems_;
  Round sum_;
};

Result<std::unique_ptr<Store>> OpenStore(const std::string& kind, const std::string& path) {
  if (kind == "memory") return MakeMemoryStore();
  // Memtables come and go many times a round, and are little of the process: at rest one may be new
  // or nearly full.
  rocksdb::Options small;
  small.write_buffer_size = 4 << 20;
  return OpenRocksDb(path, {.rocksdb_options = &small});
}

int Main(int argc, char** argv) {
  // Threads come and go with every round. With arenas of their own, which of them a new one gets is
  // chance, and what malloc keeps of freed memory grew for as long as it went on (171 MiB of the
  // process to 194 in 20 rounds, of which as much was in use as before).
  mallopt(M_ARENA_MAX, 1);
  Arguments arguments;
  CLI::App app("Soaks a cache under a load, with everything switching.");
  app.add_option("--minutes", arguments.minutes,
                 "How long; in place of --rounds, and to judge drift. Calls have to fill the tier");
  app.add_option("--rounds", arguments.rounds)->capture_default_str();
  app.add_option("--calls", arguments.calls, "Of each thread, in half a round")
      ->capture_default_str();
  app.add_option("--switches", arguments.switches, "In each round")->capture_default_str();
  app.add_option("--keys", arguments.keys)->capture_default_str()->check(CLI::Range(100, 1 << 30));
  app.add_option("--threads", arguments.threads)->capture_default_str()->check(CLI::Range(1, 64));
  app.add_option("--seed", arguments.seed)->capture_default_str();
  app.add_option("--capacity", arguments.capacity)->capture_default_str();
  app.add_option("--store", arguments.store)
      ->capture_default_str()
      ->check(CLI::IsMember({"memory", "rocksdb"}));
  CLI11_PARSE(app, argc, argv);

  const auto capacity = ParseSize(arguments.capacity);
  const testing::TempFolder folder;
  auto store = OpenStore(arguments.store, folder / "db");
  if (!capacity || !store) {
    fmt::print(stderr, "soak: {}\n", !capacity ? capacity.error().message : store.error().message);
    return 2;
  }
  Soak soak(arguments, std::make_unique<testing::FailingStore>(*std::move(store)), *capacity);
  const bool fine = soak.Run();
  fmt::print("{}: {}, seed {}, store {}\n", fine ? "passed" : "FAILED", soak.Totals(),
             arguments.seed, arguments.store);
  return fine ? 0 : 1;
}

}  // namespace
}  // namespace kvcache::soak

int main(int argc, char** argv) { return kvcache::soak::Main(argc, argv); }
