// Calls caches at random from many threads, and checks that what was seen is linearizable.
// Exit status: 0 it is, 1 it is not, 2 the call is wrong, 3 the store cannot be opened.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

#include "kvcache/options.h"
#include "linearizability/round.h"

namespace kvcache::testing {
namespace {

struct Flags {
  std::uint64_t operations = 10'000'000;
  std::uint64_t seed = 20260101;
  std::string policy;
  std::string store = "memory";
  std::size_t threads = 0;
  std::uint64_t progress = 1'000'000;
  std::string judge = "checker";
};

// CLI11's kind of check: what is wrong, or nothing.
std::string WrongWithPolicy(const std::string& policy) {
  Options options;
  options.policy = policy;
  const auto valid = options.Validate();
  return valid ? "" : valid.error().message;
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--operations", flags.operations, "Calls to make and to check")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "Seed of the first round; each takes the next")
      ->capture_default_str();
  app.add_option("--policy", flags.policy, "Only this one; without: all of them, by turns")
      ->check(WrongWithPolicy);
  app.add_option("--store", flags.store, "What is behind the cache")
      ->check(CLI::IsMember({"memory", "rocksdb"}))
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "Threads of a round; without: 4 to 8, by turns")
      ->check(CLI::Range(1, 16));
  app.add_option("--judge", flags.judge,
                 "Who judges: the checker of histories, or audits of every hit")
      ->check(CLI::IsMember({"checker", "audits"}))
      ->capture_default_str();
  app.add_option("--progress", flags.progress, "Operations from one line of progress to the next")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

// A round is short: a fresh cache now and then, and what it was opened with.
constexpr std::uint64_t kOperationsPerRound = 5'000;

struct Totals {
  std::uint64_t rounds = 0;
  RoundResult sum;
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();

  void Add(const RoundResult& result) {
    ++rounds;
    sum.operations += result.operations;
    sum.pieces += result.pieces;
    sum.audits += result.audits;
    sum.loads_ahead += result.loads_ahead;
    sum.most_configurations = std::max(sum.most_configurations, result.most_configurations);
    for (std::size_t call = 0; call < kCalls; ++call) sum.calls[call] += result.calls[call];
  }
  std::string ToText() const {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    return fmt::format("{} operations, {} rounds, {} pieces checked, {} loads ahead, {:.1f} s",
                       sum.operations, rounds, sum.pieces, sum.loads_ahead, seconds.count());
  }
};

int Run(const Flags& flags) {
  const bool audits = flags.judge == "audits";
  RoundOptions round{.threads = flags.threads,
                     .policy = flags.policy,
                     .rocksdb = flags.store == "rocksdb",
                     .audits = audits};
  Totals totals;
  std::uint64_t report_at = flags.progress;
  while (totals.sum.operations < flags.operations) {
    round.seed = flags.seed + totals.rounds;
    round.operations = std::min(kOperationsPerRound, flags.operations - totals.sum.operations);
    const RoundResult result = RunRound(round);
    totals.Add(result);
    if (!result.violation.empty()) {
      fmt::print("{}\nround with seed {}: {}", totals.ToText(), round.seed, result.violation);
      return 1;
    }
    if (totals.sum.operations < report_at) continue;
    report_at += flags.progress;
    fmt::print("{}\n", totals.ToText());
    std::fflush(stdout);
  }
  fmt::print("{}: {}; {} {}\n", audits ? "coherent" : "linearizable", totals.ToText(),
             audits ? totals.sum.audits : totals.sum.most_configurations,
             audits ? "hits audited" : "configurations at most");
  for (std::size_t call = 0; call < kCalls; ++call) {
    fmt::print("  {:<16} {:>10}\n", NameOf(static_cast<Call>(call)), totals.sum.calls[call]);
  }
  return 0;
}

}  // namespace
}  // namespace kvcache::testing

int main(int argc, char** argv) {
  kvcache::testing::Flags flags;
  CLI::App app("Checks that the cache is linearizable, with threads that call it at random.");
  kvcache::testing::AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    return kvcache::testing::Run(flags);
  } catch (const std::exception& error) {
    fmt::print(stderr, "linearizability: {}\n", error.what());
    return 3;
  }
}
