#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "bench_rounds.h"
#include "bench_systems.h"
#include "commands.h"
#include "kvcache/size.h"
#include "progress.h"
#include "simulation_flags.h"
#include "spool.h"
#include "workload.h"

namespace kvcache::kvtool {
namespace {

namespace fs = std::filesystem;

struct BenchArguments {
  std::string workload = "c";
  std::uint64_t records = 1'000'000;
  std::size_t value_bytes = 100;
  std::string budget = "10%";
  std::vector<std::string> against;  // none: all
  unsigned threads = 1;
  bool direct = false;
  std::uint64_t operations = 100'000;
  unsigned rounds = 5;
  double read_us = 75;
  double tier_share = 0.9;
  std::string scratch;
};

struct Bench {
  const WorkloadInfo* workload = nullptr;
  std::uint64_t budget = 0;
  std::vector<std::string> systems;
};

// "64MiB", "10%" of the data.
Outcome<std::uint64_t> ParseBudget(const std::string& text, std::uint64_t data_bytes) {
  const auto sizes = ParseCacheSizes(text);
  if (!sizes || sizes->size() != 1 || sizes->front().kind == CacheSize::Kind::kPlain) {
    return WrongCall(fmt::format(
        "--budget {}: give bytes (64MiB) or a percentage of the data (10%)", Excerpt(text)));
  }
  return sizes->front().Of(data_bytes);
}

// kvcache and those against which it is measured.
Outcome<std::vector<std::string>> ChooseSystems(const std::vector<std::string>& against) {
  const auto& known = SystemNames();
  if (against.empty()) return std::vector<std::string>(known.begin(), known.end());
  std::vector<std::string> systems = {"kvcache"};
  for (const std::string& name : against) {
    if (std::ranges::find(known, name) == known.end()) {
      return WrongCall(fmt::format("--against {}: no system of that name; there are {}",
                                   Excerpt(name), fmt::join(known, ", ")));
    }
    if (std::ranges::find(systems, name) == systems.end()) systems.push_back(name);
  }
  return systems;
}

Outcome<Bench> Check(const BenchArguments& arguments) {
  Bench bench;
  const auto workload = FindWorkload(arguments.workload);
  if (!workload) return std::unexpected(workload.error());
  bench.workload = *workload;
  const auto budget =
      ParseBudget(arguments.budget, arguments.records * (kKeyBytes + arguments.value_bytes));
  if (!budget) return std::unexpected(budget.error());
  bench.budget = *budget;
  const auto systems = ChooseSystems(arguments.against);
  if (!systems) return std::unexpected(systems.error());
  bench.systems = *systems;
  return bench;
}

// A new directory, which goes with everything in it.
class Scratch {
 public:
  static Outcome<Scratch> Make(const std::string& parent) {
    std::string path = (parent.empty() ? TemporaryDirectory() : parent) + "/kvtool-bench-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return Failed(fmt::format("{}: cannot make a directory there ({}); say where with --scratch",
                                path, std::generic_category().message(errno)));
    }
    return Scratch(std::move(path));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  std::string operator/(std::string_view name) const { return path_ / fs::path(name); }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Outcome<void> CheckInterrupt(Session& session) {
  if (session.Interrupted()) return Failed("interrupted; nothing is left of its databases");
  return {};
}

// In no order of the keys, as databases grow.
Outcome<void> Load(Session& session, const BenchArguments& arguments, const Bench& bench,
                   const std::string& path) {
  constexpr std::uint64_t kInterruptInterval = 1024;
  std::vector<std::uint32_t> order(arguments.records);
  std::iota(order.begin(), order.end(), 0U);
  if (bench.workload->ordered) std::ranges::shuffle(order, std::mt19937_64(1));
  Progress progress("load", "pairs");
  progress.set_total(arguments.records);
  std::uint64_t count = 0;
  const auto made = MakeDatabase(path, [&](std::string& key, std::string& value) {
    if (count == order.size()) return false;
    if (count % kInterruptInterval == 0 && session.Interrupted()) return false;
    const std::uint64_t record = order[count++];
    key = KeyOf(record, bench.workload->ordered);
    MakeValue(record, 0, arguments.value_bytes, value);
    progress.Update({.count = count, .bytes = {}});
    return true;
  });
  return made ? CheckInterrupt(session) : made;
}

Outcome<std::vector<Side>> OpenSides(Session& session, const BenchArguments& arguments,
                                     const Bench& bench, const Scratch& scratch) {
  const std::string database = scratch / "database";
  if (auto loaded = Load(session, arguments, bench, database); !loaded) {
    return std::unexpected(loaded.error());
  }
  std::vector<Side> sides;
  for (const std::string& name : bench.systems) {
    const std::string path = scratch / name;
    if (auto copied = CopyDatabase(database, path); !copied) {
      return std::unexpected(copied.error());
    }
    auto system = OpenSystem(name, path,
                             {.budget = bench.budget,
                              .direct = arguments.direct,
                              .policy = session.flags().policy,
                              .tier_share = arguments.tier_share});
    if (!system) return std::unexpected(system.error());
    sides.emplace_back(name, *std::move(system), *bench.workload, arguments.records,
                       arguments.value_bytes, arguments.threads);
  }
  return sides;
}

// Runs rounds until neither reads of the device nor misses of the tier become fewer.
Outcome<void> WarmUp(Session& session, Side& side, std::uint64_t operations) {
  constexpr int kMostRounds = 200;
  constexpr int kCalmRounds = 3;
  Progress progress(fmt::format("warm up {}", side.name()), "operations");
  double least_reads = INFINITY;
  double least_misses = INFINITY;
  for (int calm = 0, i = 1; calm < kCalmRounds && i <= kMostRounds; ++i) {
    const auto round = side.Run(operations);
    if (!round) return std::unexpected(round.error());
    if (auto go_on = CheckInterrupt(session); !go_on) return go_on;
    progress.Update({.count = operations * static_cast<std::uint64_t>(i), .bytes = {}});
    const double reads =
        static_cast<double>(round->device_reads) / static_cast<double>(round->operations);
    const double misses = 1 - round->tier_hit_ratio;
    const bool fewer = reads < least_reads * 0.99 || misses < least_misses * 0.99;
    calm = fewer ? 0 : calm + 1;
    least_reads = std::min(least_reads, reads);
    least_misses = std::min(least_misses, misses);
  }
  return {};
}

Outcome<std::vector<Summary>> Measure(Session& session, const BenchArguments& arguments,
                                      std::vector<Side>& sides) {
  for (Side& side : sides) {
    if (auto warm = WarmUp(session, side, arguments.operations); !warm) {
      return std::unexpected(warm.error());
    }
  }
  std::vector<std::vector<Round>> rounds(sides.size());
  Progress progress("measure", "rounds");
  progress.set_total(arguments.rounds * sides.size());
  for (unsigned i = 0; i < arguments.rounds; ++i) {
    // Each time another one first.
    for (std::size_t k = 0; k < sides.size(); ++k) {
      const std::size_t turn = (i + k) % sides.size();
      auto round = sides[turn].Run(arguments.operations);
      if (!round) return std::unexpected(round.error());
      if (auto go_on = CheckInterrupt(session); !go_on) return std::unexpected(go_on.error());
      rounds[turn].push_back(*std::move(round));
      progress.Update({.count = i * sides.size() + k + 1, .bytes = {}});
    }
  }
  std::vector<Summary> summaries;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    summaries.push_back(Summarize(sides[i].name(), rounds[i]));
  }
  return summaries;
}

double Microseconds(const Summary& summary, double quantile) {
  return static_cast<double>(summary.latency.Percentile(quantile)) / 1e3;
}

void PrintText(Output& out, const BenchArguments& arguments, const Bench& bench,
               const std::vector<Summary>& summaries) {
  out.Line(fmt::format("workload {}: {}; {} records of {} B and {} B, budget {} ({})",
                       bench.workload->name, bench.workload->help, GroupDigits(arguments.records),
                       kKeyBytes, arguments.value_bytes, arguments.budget,
                       FormatSize(bench.budget)));
  out.Line("");
  out.Line(fmt::format("{:<14}{:>10}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>9}{:>9}{:>10}{:>9}", "system",
                       "ops/s", "p50 us", "p95 us", "p99 us", "p99.9", "hits", "tier", "reads/op",
                       "CPU us", "modelled", "kvcache"));
  const double ours = summaries[0].modelled_us(arguments.read_us);
  for (const Summary& summary : summaries) {
    const double modelled = summary.modelled_us(arguments.read_us);
    out.Line(fmt::format(
        "{:<14}{:>10}{:>9.1f}{:>9.1f}{:>9.1f}{:>9.1f}{:>8.4f}{:>8.4f}{:>9.4f}{:>9.2f}{:>10.2f}"
        "{:>8.2f}x",
        summary.name, GroupDigits(static_cast<std::uint64_t>(summary.operations_per_second)),
        Microseconds(summary, 0.5), Microseconds(summary, 0.95), Microseconds(summary, 0.99),
        Microseconds(summary, 0.999), summary.hit_ratio, summary.tier_hit_ratio,
        summary.device_reads, summary.cpu_us, modelled, modelled / ours));
  }
  out.Line("");
  out.Line(
      fmt::format("hits: reads answered without the device, tier: by the memory tier; "
                  "modelled: us an operation, CPU and {} us for each\nread of the device; "
                  "kvcache: how many times as fast it is by that",
                  arguments.read_us));
}

std::string ToJsonText(const BenchArguments& arguments, const Bench& bench,
                       const std::vector<Summary>& summaries) {
  Json results = Json::array();
  for (const Summary& summary : summaries) {
    results.push_back({{"system", summary.name},
                       {"ops_per_second", summary.operations_per_second},
                       {"p50_us", Microseconds(summary, 0.5)},
                       {"p95_us", Microseconds(summary, 0.95)},
                       {"p99_us", Microseconds(summary, 0.99)},
                       {"p99_9_us", Microseconds(summary, 0.999)},
                       {"hit_ratio", summary.hit_ratio},
                       {"tier_hit_ratio", summary.tier_hit_ratio},
                       {"device_reads", summary.device_reads},
                       {"cpu_us_per_op", summary.cpu_us},
                       {"modelled_us_per_op", summary.modelled_us(arguments.read_us)}});
  }
  const Json json{{"workload", bench.workload->name},    {"records", arguments.records},
                  {"value_size", arguments.value_bytes}, {"budget", bench.budget},
                  {"threads", arguments.threads},        {"direct", arguments.direct},
                  {"read_us", arguments.read_us},        {"results", std::move(results)}};
  return json.dump();
}

Outcome<ExitStatus> RunBench(Session& session, const BenchArguments& arguments) {
  const auto bench = Check(arguments);
  if (!bench) return std::unexpected(bench.error());
  session.CatchInterrupts({SIGINT, SIGTERM});
  const auto scratch = Scratch::Make(arguments.scratch);
  if (!scratch) return std::unexpected(scratch.error());
  std::vector<Summary> summaries;
  {
    auto sides = OpenSides(session, arguments, *bench, *scratch);
    if (!sides) return std::unexpected(sides.error());
    auto measured = Measure(session, arguments, *sides);
    if (!measured) return std::unexpected(measured.error());
    summaries = *std::move(measured);
  }
  if (session.flags().json) {
    session.out().Line(ToJsonText(arguments, *bench, summaries));
  } else {
    PrintText(session.out(), arguments, *bench, summaries);
  }
  return ExitStatus::kDone;
}

std::string WorkloadsHelp() {
  std::string help = "Workloads:\n";
  for (const WorkloadInfo& workload : Workloads()) {
    help += fmt::format("  {:<12}{}\n", workload.name, workload.help);
  }
  return help;
}

}  // namespace

void AddBench(CLI::App& app, Action& action) {
  const auto [command, arguments] = AddCommand(
      app, action, "bench", "Compare kvcache with RocksDB's own caches on as many bytes", RunBench);
  command->add_option("--workload", arguments->workload, "What is asked for; see below")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--records", arguments->records, "Pairs in the database")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{4'000'000'000}).description(""))
      ->capture_default_str();
  command->add_option("--value-size", arguments->value_bytes, "Bytes of a value")
      ->type_name("S")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1} << 20).description(""))
      ->capture_default_str();
  command
      ->add_option("--budget", arguments->budget,
                   "Memory for caches: a size, or a share of the data")
      ->type_name("M")
      ->capture_default_str();
  command
      ->add_option("--against", arguments->against,
                   "The other sides, separated by commas (default: all)")
      ->type_name("NAMES")
      ->delimiter(',');
  command->add_option("--threads", arguments->threads, "Threads that ask")
      ->type_name("T")
      ->check(CLI::Range(1, 1024).description(""))
      ->capture_default_str();
  command->add_flag("--direct", arguments->direct, "Read files past the page cache");
  command->add_option("--ops", arguments->operations, "Operations in a round")
      ->type_name("N")
      ->check(WholeNumber(1))
      ->capture_default_str();
  command->add_option("--rounds", arguments->rounds, "Rounds of each side, by turns")
      ->type_name("N")
      ->check(CLI::Range(1, 1000).description(""))
      ->capture_default_str();
  command->add_option("--read-us", arguments->read_us, "What a read of the device is taken to cost")
      ->type_name("US")
      ->check(CLI::Range(0.0, 1e9).description(""))
      ->capture_default_str();
  command
      ->add_option("--tier-share", arguments->tier_share,
                   "Share of the budget for the tier; the rest is block cache")
      ->type_name("X")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->capture_default_str();
  command
      ->add_option("--scratch", arguments->scratch,
                   "Where the databases are made, and removed in the end\n(default: TMPDIR, /tmp)")
      ->type_name("DIR");
  SetExamples(
      *command,
      WorkloadsHelp() +
          "\n"
          "Systems: kvcache with --policy, and RocksDB alone with its block cache (rocksdb: LRU,\n"
          "rocksdb-hyper: HyperClockCache) or nine tenths row cache (rocksdb-row). All have the\n"
          "same options but for that: blocks of 4 KiB, uncompressed, Bloom filters, index and\n"
          "filters in memory outside the budget. Each has a copy of one database and gets the\n"
          "same requests, first until it misses no less, then in rounds by turns.\n"
          "\n"
          "Examples:\n"
          "  kvtool bench --workload c --records 100000 --budget 1%\n"
          "  kvtool --policy s3-fifo bench --workload b --against rocksdb --direct --json\n");
}

}  // namespace kvcache::kvtool
