#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "bench_output.h"
#include "bench_plan.h"
#include "bench_rounds.h"
#include "bench_systems.h"
#include "bench_warm_up.h"
#include "commands.h"
#include "flags.h"
#include "plot.h"
#include "progress.h"
#include "spool.h"
#include "workload.h"

namespace kvcache::kvtool {
namespace {

namespace fs = std::filesystem;

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

Outcome<void> Load(Session& session, const Case& one, std::size_t value_bytes,
                   const std::string& path) {
  constexpr std::uint64_t kInterruptInterval = 1024;
  const LoadOrder order(one.records);
  Progress progress("load", "pairs");
  progress.set_total(one.records);
  std::uint64_t count = 0;
  const auto made = MakeDatabase(path, [&](std::string& key, std::string& value) {
    if (count == one.records) return false;
    if (count % kInterruptInterval == 0 && session.Interrupted()) return false;
    const std::uint64_t record = order.Record(count++);
    key = KeyOf(record, one.workload.ordered);
    MakeValue(record, value_bytes, value);
    progress.Update({.count = count, .bytes = {}});
    return true;
  });
  return made ? CheckInterrupt(session) : made;
}

// Cases whose pairs are the same share a database, of which each side gets a copy.
Outcome<std::string> DatabaseFor(Session& session, const Case& one, std::size_t value_bytes,
                                 const Scratch& scratch) {
  std::string path = scratch / fmt::format("database-{}-{}", one.records,
                                           one.workload.ordered ? "ordered" : "mixed");
  if (fs::exists(path)) return path;
  if (auto loaded = Load(session, one, value_bytes, path); !loaded) {
    return std::unexpected(loaded.error());
  }
  return path;
}

Outcome<std::vector<Side>> OpenSides(Session& session, const BenchArguments& arguments,
                                     const Bench& bench, const Case& one, const Scratch& scratch) {
  const auto database = DatabaseFor(session, one, arguments.value_bytes, scratch);
  if (!database) return std::unexpected(database.error());
  std::vector<Side> sides;
  for (const Contender& contender : bench.contenders) {
    const std::string path = scratch / contender.name;
    std::error_code ignored;
    fs::remove_all(path, ignored);  // of the case before
    if (auto copied = CopyDatabase(*database, path); !copied) {
      return std::unexpected(copied.error());
    }
    auto system = OpenSystem(contender.system, path,
                             {.budget = one.budget,
                              .direct = arguments.direct,
                              .policy = session.flags().policy,
                              .tier_share = contender.tier_share});
    if (!system) return std::unexpected(system.error());
    sides.emplace_back(contender.name, *std::move(system), bench.after.value_or(one.workload),
                       one.records,
                       ClientOptions{.value_bytes = arguments.value_bytes,
                                     .threads = arguments.threads,
                                     .batch = arguments.batch});
  }
  return sides;
}

WarmUpOptions WarmUpOf(const BenchArguments& arguments, const Case& one) {
  const std::uint64_t pairs = one.budget / (kKeyBytes + arguments.value_bytes);
  return {.round = arguments.operations,
          .budget = std::min(pairs, one.records),
          .then = arguments.after.empty() ? std::nullopt : std::optional(one.workload),
          .records = one.records,
          .settle = arguments.settle};
}

Outcome<std::vector<Summary>> Measure(Session& session, const BenchArguments& arguments,
                                      const Case& one, std::vector<Side>& sides) {
  const auto go_on = [&session] { return CheckInterrupt(session); };
  const auto warm = WarmUp(sides, WarmUpOf(arguments, one), go_on);
  if (!warm) return std::unexpected(warm.error());
  std::vector<std::vector<Round>> rounds(sides.size());
  Progress progress("measure", "rounds");
  progress.set_total(arguments.rounds * sides.size());
  for (unsigned i = 0; i < arguments.rounds; ++i) {
    // Each time another one first.
    for (std::size_t k = 0; k < sides.size(); ++k) {
      const std::size_t turn = (i + k) % sides.size();
      auto round = sides[turn].Run(arguments.operations);
      if (!round) return std::unexpected(round.error());
      if (auto going = go_on(); !going) return std::unexpected(going.error());
      rounds[turn].push_back(*std::move(round));
      progress.Update({.count = i * sides.size() + k + 1, .bytes = {}});
    }
  }
  std::vector<Summary> summaries;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    summaries.push_back(sides[i].Summarize(rounds[i]));
  }
  return summaries;
}

BenchResult ResultOf(const BenchArguments& arguments, const Case& one,
                     std::vector<Summary> summaries) {
  return {.workload = one.workload.name,
          .workload_help = one.workload.help,
          .records = one.records,
          .value_bytes = arguments.value_bytes,
          .budget_text = one.budget_text,
          .budget = one.budget,
          .threads = arguments.threads,
          .batch = arguments.batch,
          .direct = arguments.direct,
          .read_us = arguments.read_us,
          .summaries = std::move(summaries)};
}

Outcome<ExitStatus> RunBench(Session& session, const BenchArguments& arguments) {
  const auto bench = PlanBench(arguments);
  if (!bench) return std::unexpected(bench.error());
  session.CatchInterrupts();
  std::signal(SIGPIPE, SIG_IGN);  // a reader who leaves is an error of Flush
  const auto scratch = Scratch::Make(arguments.scratch);
  if (!scratch) return std::unexpected(scratch.error());
  std::vector<BenchResult> results;
  for (const Case& one : bench->cases) {
    auto sides = OpenSides(session, arguments, *bench, one, *scratch);
    if (!sides) return std::unexpected(sides.error());
    auto measured = Measure(session, arguments, one, *sides);
    if (!measured) return std::unexpected(measured.error());
    results.push_back(ResultOf(arguments, one, *std::move(measured)));
    if (!session.flags().json) PrintText(session.out(), results.back());
    if (auto flushed = session.out().Flush(); !flushed) return std::unexpected(flushed.error());
  }
  if (session.flags().json) {
    session.out().Line(ToJson(results).dump());
  } else if (results.size() > 1) {
    PrintRatios(session.out(), results);
  }
  if (!arguments.plot.empty()) {
    if (auto drawn = DrawBars(ChartOf(results), arguments.plot, arguments.force); !drawn) {
      return std::unexpected(drawn.error());
    }
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

void AddSides(CLI::App& command, BenchArguments& arguments) {
  command
      .add_option("--workload", arguments.workloads,
                  "What is asked for, separated by commas: names\n"
                  "below, or traces, whose keys are read (default: c)")
      ->type_name("NAME|FILE")
      ->delimiter(',');
  command.add_option("--records", arguments.records, "Pairs in the database")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{4'000'000'000}).description(""))
      ->capture_default_str();
  command.add_option("--value-size", arguments.value_bytes, "Bytes of a value")
      ->type_name("S")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1} << 20).description(""))
      ->capture_default_str();
  command
      .add_option("--budget", arguments.budgets, "Memory for caches: sizes, or shares of the data")
      ->type_name("LIST")
      ->capture_default_str();
  command
      .add_option("--against", arguments.against,
                  "The other sides, separated by commas (default: all)")
      ->type_name("NAMES")
      ->delimiter(',');
}

void AddRounds(CLI::App& command, BenchArguments& arguments) {
  command.add_option("--threads", arguments.threads, "Threads that ask")
      ->type_name("T")
      ->check(CLI::Range(1, 1024).description(""))
      ->capture_default_str();
  command.add_option("--batch", arguments.batch, "Reads asked for at once, by MultiGet")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000).description(""))
      ->capture_default_str();
  command.add_option("--ops", arguments.operations, "Operations in a round")
      ->type_name("N")
      ->check(WholeNumber(1))
      ->capture_default_str();
  command.add_option("--rounds", arguments.rounds, "Rounds of each side, by turns")
      ->type_name("N")
      ->check(CLI::Range(1, 1000).description(""))
      ->capture_default_str();
  command.add_option("--read-us", arguments.read_us, "What a read of the device is taken to cost")
      ->type_name("US")
      ->check(CLI::Range(0.0, 1e9).description(""))
      ->capture_default_str();
}

void AddWarmUp(CLI::App& command, BenchArguments& arguments) {
  command
      .add_option("--tier-share", arguments.tier_shares,
                  "Shares of the caches that are the tier, the rest is\n"
                  "block cache: numbers, or auto, as kvcache finds it;\n"
                  "a side for each (default: auto)")
      ->type_name("LIST")
      ->delimiter(',');
  command
      .add_option("--after", arguments.after,
                  "A workload that fills the caches, before the other\none comes")
      ->type_name("NAME");
  command
      .add_option("--settle", arguments.settle,
                  "Operations after caches are full (default: until it\nmisses no less)")
      ->type_name("N")
      ->check(WholeNumber(1));
}

void AddFiles(CLI::App& command, BenchArguments& arguments) {
  command.add_flag("--direct", arguments.direct, "Read files past the page cache");
  command
      .add_option("--scratch", arguments.scratch,
                  "Where the databases are made, and removed in the end\n(default: TMPDIR, /tmp)")
      ->type_name("DIR");
  command
      .add_option("--plot", arguments.plot,
                  "Draw how many times as fast kvcache is, by\ngnuplot, into FILE.svg or FILE.png")
      ->type_name("FILE");
  command.add_flag("--force", arguments.force, "Replace this file if it exists");
}

std::string BenchNotes() {
  return WorkloadsHelp() +
         "\n"
         "Systems: kvcache with --policy, and RocksDB alone with its block cache (rocksdb: LRU,\n"
         "rocksdb-hyper: HyperClockCache) or nine tenths row cache (rocksdb-row). All have the\n"
         "same options but for that: blocks of 4 KiB, uncompressed, Bloom filters, an eighth of\n"
         "the budget for memtables (128 KiB to 128 MiB), index and filters outside it. Each has\n"
         "a copy of one database and gets the same requests, first until none of them misses\n"
         "less, then in rounds by turns. Processor time and reads are counted of the threads\n"
         "that ask, not of flushes and compactions. Of a trace the order of its keys counts:\n"
         "they become keys of 16 bytes, with values of --value-size.\n"
         "\n"
         "Examples:\n"
         "  kvtool bench --workload c --records 100000 --budget 1%\n"
         "  kvtool --policy s3-fifo bench --workload b --against rocksdb --direct --json\n"
         "  kvtool bench --workload a,b,c,e --budget 1%,10% --direct --plot bench.svg\n"
         "  kvtool bench --workload e --tier-share auto,0,0.5,1 --after c --settle 1000000\n";
}

}  // namespace

void AddBench(CLI::App& app, Action& action) {
  const auto [command, arguments] = AddCommand(
      app, action, "bench", "Compare kvcache with RocksDB's own caches on as many bytes", RunBench);
  AddSides(*command, *arguments);
  AddRounds(*command, *arguments);
  AddWarmUp(*command, *arguments);
  AddFiles(*command, *arguments);
  RefuseDatabaseFlags(*command, "--policy");
  SetExamples(*command, BenchNotes());
}

}  // namespace kvcache::kvtool
