#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "bench_output.h"
#include "bench_plan.h"
#include "bench_rounds.h"
#include "bench_systems.h"
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

Outcome<Round> RunRound(Session& session, Side& side, std::uint64_t operations) {
  auto round = side.Run(operations);
  if (!round) return round;
  if (auto go_on = CheckInterrupt(session); !go_on) return std::unexpected(go_on.error());
  return round;
}

// What a side does before it is measured, and how far it has come.
class WarmingSide {
 public:
  WarmingSide(Session& session, Side& side, std::string_view verb, std::uint64_t measured_round)
      : session_(session),
        side_(side),
        most_at_once_(std::max(measured_round, kLittle)),
        progress_(fmt::format("{} {}", verb, side.name()), "operations") {}

  void set_total(std::uint64_t operations) { progress_.set_total(operations); }

  // Runs so many operations, each thread as many. Requests are prepared in memory, so that they
  // come in rounds that need no more of it than those that are measured.
  Outcome<Round> Run(std::uint64_t operations) {
    Round all;
    while (operations - all.operations >= side_.threads()) {
      auto round = RunRound(session_, side_, std::min(most_at_once_, operations - all.operations));
      if (!round) return round;
      all.Add(*round);
      done_ += round->operations;
      progress_.Update({.count = done_, .bytes = {}});
    }
    return all;
  }

 private:
  static constexpr std::uint64_t kLittle = 100'000;  // operations, not worth more rounds

  Session& session_;
  Side& side_;
  const std::uint64_t most_at_once_;
  Progress progress_;
  std::uint64_t done_ = 0;
};

// Goes on until in so many operations neither reads of the device nor misses of the tier become
// fewer, nor the tier's share moves.
Outcome<void> RunUntilSettled(WarmingSide& side, std::uint64_t operations) {
  constexpr int kMostSteps = 60;
  constexpr int kCalmSteps = 3;
  constexpr double kStill = 0.03;
  double least_reads = INFINITY;   // of the device, an operation
  double least_misses = INFINITY;  // of the tier
  double share = INFINITY;         // the tier's, when it moved last
  for (int calm = 0, i = 1; calm < kCalmSteps && i <= kMostSteps; ++i) {
    const auto step = side.Run(operations);
    if (!step) return std::unexpected(step.error());
    const double reads =
        static_cast<double>(step->device_reads) / static_cast<double>(step->operations);
    const double misses = 1 - step->tier.hit_ratio;
    const bool fewer = reads < least_reads * 0.99 || misses < least_misses * 0.99;
    const bool moved = std::abs(step->tier.share - share) > kStill;
    calm = fewer || moved ? 0 : calm + 1;
    least_reads = std::min(least_reads, reads);
    least_misses = std::min(least_misses, misses);
    if (moved) share = step->tier.share;
  }
  return {};
}

// Where the budget has room for many pairs, it takes many operations to see that fewer are missed.
Outcome<void> FillCaches(Session& session, Side& side, const Case& one,
                         const BenchArguments& arguments) {
  const std::uint64_t pairs = one.budget / (kKeyBytes + arguments.value_bytes);
  WarmingSide filling(session, side, "fill", arguments.operations);
  return RunUntilSettled(filling, std::max(arguments.operations, pairs));
}

Outcome<void> Settle(Session& session, Side& side, const Case& one,
                     const BenchArguments& arguments) {
  if (!arguments.after.empty()) side.Follow(one.workload, one.records);
  WarmingSide settling(session, side, "settle", arguments.operations);
  if (!arguments.settle) return RunUntilSettled(settling, arguments.operations);
  settling.set_total(*arguments.settle);
  if (auto run = settling.Run(*arguments.settle); !run) return std::unexpected(run.error());
  return {};
}

// Takes every side to where the one is that has come furthest: as all draw the same requests, they
// are asked for the same from there on.
Outcome<void> BringLevel(Session& session, std::vector<Side>& sides, std::uint64_t measured_round) {
  const std::uint64_t furthest = std::ranges::max(sides | std::views::transform(&Side::operations));
  for (Side& side : sides) {
    WarmingSide behind(session, side, "catch up", measured_round);
    behind.set_total(furthest - side.operations());
    if (auto run = behind.Run(furthest - side.operations()); !run) {
      return std::unexpected(run.error());
    }
  }
  return {};
}

using Step = Outcome<void> (*)(Session&, Side&, const Case&, const BenchArguments&);

// Takes each side through this step, and leaves all of them at the same request.
Outcome<void> WithEach(Session& session, const Case& one, const BenchArguments& arguments,
                       std::vector<Side>& sides, Step step) {
  for (Side& side : sides) {
    if (auto done = step(session, side, one, arguments); !done) return done;
  }
  return BringLevel(session, sides, arguments.operations);
}

// First fast, under the workload before if there is one, then with reads that cost what they will
// when it counts.
Outcome<void> WarmUp(Session& session, const BenchArguments& arguments, const Case& one,
                     std::vector<Side>& sides) {
  ReadThroughPageCache(true);
  auto full = WithEach(session, one, arguments, sides, FillCaches);
  ReadThroughPageCache(false);
  return full ? WithEach(session, one, arguments, sides, Settle) : full;
}

Outcome<std::vector<Summary>> Measure(Session& session, const BenchArguments& arguments,
                                      const Case& one, std::vector<Side>& sides) {
  if (auto warm = WarmUp(session, arguments, one, sides); !warm) {
    return std::unexpected(warm.error());
  }
  std::vector<std::vector<Round>> rounds(sides.size());
  Progress progress("measure", "rounds");
  progress.set_total(arguments.rounds * sides.size());
  for (unsigned i = 0; i < arguments.rounds; ++i) {
    // Each time another one first.
    for (std::size_t k = 0; k < sides.size(); ++k) {
      const std::size_t turn = (i + k) % sides.size();
      auto round = RunRound(session, sides[turn], arguments.operations);
      if (!round) return std::unexpected(round.error());
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
