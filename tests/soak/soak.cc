// Soaks a cache: for minutes, threads read and write all they can while policy, capacity, recording
// and invalidation switch under them. After each round, at rest and back at one setting, it checks
// what must hold: counters add up, entries and bytes are what is really there, and nothing is left
// over; and over the rounds, that resident memory and latency do not drift.
#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kvcache/memory_store.h"
#include "kvcache/options.h"
#include "kvcache/rocksdb.h"
#include "kvcache/size.h"
#include "load.h"
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

struct Observation {
  std::uint64_t resident = 0;
  std::uint64_t p50 = 0;  // of Get at the one setting, in nanoseconds
  std::uint64_t p99 = 0;
};

// Less what malloc keeps of what was freed: the store in memory leaves it in pieces, more and more
// of them for as long as values of other lengths come.
std::uint64_t ResidentInUse() { return testing::ResidentBytes() - mallinfo2().fordblks; }

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
  Soak(const Arguments& arguments, std::unique_ptr<Store> store, std::uint64_t capacity)
      : arguments_(arguments),
        capacity_(capacity),
        protocol_(OptionsOf(capacity), *ParsePolicy("lru"), std::move(store)),
        load_(protocol_,
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
    load_.WriteAll();
    while (!over() && problems_.empty()) RunRound();
    if (problems_.empty()) CheckDrift();
    for (const std::string& problem : problems_) fmt::print(stderr, "soak: {}\n", problem);
    return problems_.empty();
  }

  std::uint64_t lookups() const { return lookups_; }
  std::uint64_t writes() const { return writes_; }
  std::size_t rounds() const { return observations_.size(); }

 private:
  static constexpr std::uint64_t kAuditOneIn = 64;

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

  // Switches under load, then the same load at the one setting, whose memory and latency count.
  void RunRound() {
    const std::uint64_t calls = arguments_.calls * arguments_.threads;
    std::uint64_t switched = 0;
    Count(load_.Run(arguments_.calls, [&](std::uint64_t made) {
      if (made < switched * calls / arguments_.switches) return std::this_thread::yield();
      Switch();
      ++switched;
    }));
    protocol_.tier().SetPolicy(policies_[0]);
    protocol_.tier().SetCapacity(capacity_);
    const Round settled = load_.Run(arguments_.calls);
    Count(settled);
    Expect(load_.failure().empty(), load_.failure());
    CheckCounters();
    observations_.push_back({.resident = ResidentInUse(),
                             .p50 = settled.get_latency.Percentile(0.5),
                             .p99 = settled.get_latency.Percentile(0.99)});
    const Observation& seen = observations_.back();
    fmt::print("round {}: {} lookups, {} keys written, resident {}, Get p50 {} ns, p99 {} ns\n",
               observations_.size(), lookups_, writes_, FormatSize(seen.resident), seen.p50,
               seen.p99);
    std::fflush(stdout);
  }

  void Count(const Round& round) {
    lookups_ += round.lookups;
    writes_ += round.writes;
  }

  void Switch() {
    const auto part = [&] { return capacity_ * testing::Below(random_, 101) / 100; };
    switch (testing::Below(random_, 6)) {
      case 0:
        return protocol_.tier().SetCapacity(part());
      case 1:
        return protocol_.tier().SetCapacityEntries(1 + testing::Below(random_, arguments_.keys));
      case 2:
        return SwitchRecording();
      case 3: {
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
    equal(total.hits + total.misses, lookups_, "hits and misses, and lookups");
    equal(total.misses, total.loads + total.shared_loads, "misses, and loads with shared ones");
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
    Expect(stats.memory_bytes <= capacity_,
           fmt::format("memory {} above the capacity", stats.memory_bytes));
  }

  // Of the rounds after the first quarter, in which caches fill and heaps grow, the last third is
  // compared with the one before the last two.
  void CheckDrift() {
    constexpr std::size_t kLeast = 12;
    if (observations_.size() < kLeast) return;
    const std::size_t from = observations_.size() / 4;
    const std::size_t third = (observations_.size() - from) / 3;
    const auto median = [&](std::size_t first, std::uint64_t Observation::* what) {
      std::vector<std::uint64_t> values;
      for (std::size_t i = first; i < first + third; ++i) values.push_back(observations_[i].*what);
      std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(third / 2));
      return static_cast<double>(values[third / 2]);
    };
    const auto drift = [&](std::uint64_t Observation::* what) {
      return median(observations_.size() - third, what) / median(from, what);
    };
    const double resident = drift(&Observation::resident);
    const double p50 = drift(&Observation::p50);
    const double p99 = drift(&Observation::p99);
    fmt::print("last third against first: resident {:.3f}, Get p50 {:.2f}, p99 {:.2f}\n", resident,
               p50, p99);
    Expect(resident < 1.02, fmt::format("resident memory grew by {:.1f} %", (resident - 1) * 100));
    // Buckets are a quarter wide, and the machine has other work.
    Expect(p50 < 1.6, fmt::format("the median latency of Get grew to {:.2f} times", p50));
  }

  const Arguments arguments_;
  const std::uint64_t capacity_;
  const testing::TempFolder folder_;
  Protocol protocol_;
  Load load_;
  Random random_;
  std::vector<PolicySpec> policies_;
  std::vector<Observation> observations_;
  std::vector<std::string> problems_;
  std::uint64_t lookups_ = 0;
  std::uint64_t writes_ = 0;
};

Result<std::unique_ptr<Store>> OpenStore(const std::string& kind, const std::string& path) {
  if (kind == "memory") return MakeMemoryStore();
  return OpenRocksDb(path, {});
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Soaks a cache under a load, with everything switching.");
  app.add_option("--minutes", arguments.minutes, "How long; in place of --rounds");
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
  Soak soak(arguments, std::move(*store), *capacity);
  const bool fine = soak.Run();
  fmt::print("{}: {} rounds, {} lookups, {} keys written, seed {}, store {}\n",
             fine ? "passed" : "FAILED", soak.rounds(), soak.lookups(), soak.writes(),
             arguments.seed, arguments.store);
  return fine ? 0 : 1;
}

}  // namespace
}  // namespace kvcache::soak

int main(int argc, char** argv) { return kvcache::soak::Main(argc, argv); }
