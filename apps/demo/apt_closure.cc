// apt_closure: resolves the dependencies of Debian packages through a cache over a package index
// in RocksDB. index.awk makes the index, resolver.h says what is in it.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <limits>
#include <string>
#include <vector>

#include "comparison.h"
#include "kvcache/cache.h"
#include "kvcache/size.h"
#include "resolver.h"

namespace demo {
namespace {

using kvcache::Result;

constexpr double kPercents[] = {1, 5, 20};
constexpr const char* kPolicies[] = {"lru", "lfu", "lru-k"};

Result<void> PrintClosures(const std::string& database, const std::vector<std::string>& packages) {
  kvcache::Options options;
  options.path = database;
  options.rocksdb.create_if_missing = false;
  const auto cache = kvcache::Cache::Open(options);
  if (!cache) return std::unexpected(cache.error());
  Resolver resolver(**cache);
  for (const std::string& package : packages) {
    const auto closure = resolver.Closure(package);
    if (!closure) return std::unexpected(closure.error());
    if (closure->empty()) {
      return kvcache::Fail(kvcache::ErrorCode::kInvalidArgument,
                           fmt::format("the index has no package '{}'", package));
    }
    for (const std::string& name : *closure) fmt::print("{}\n", name);
  }
  return {};
}

// One line on a terminal, gone when the row is done.
void ShowProgress(const std::string& what) {
  if (isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r\x1b[K{}", what);
  std::fflush(stderr);
}

void PrintRow(const std::string& tier, const std::string& policy, const Measurement& row,
              double seconds_without) {
  const kvcache::ShardStats& total = row.stats.total;
  const std::uint64_t lookups = total.hits + total.misses;
  ShowProgress("");
  fmt::print("{:<14}  {:<6} {:>8.1f} % {:>10} {:>11.0f} {:>12} {:>6.1f} s {:>7.1f} x\n", tier,
             policy, 100 * row.stats.hit_ratio(), lookups,
             static_cast<double>(lookups) / row.seconds, total.loads, row.seconds,
             seconds_without / row.seconds);
  std::fflush(stdout);
}

Result<void> PrintRows(const std::string& database, const Workload& workload) {
  fmt::print("{:<14}  {:<6} {:>10} {:>10} {:>11} {:>12} {:>8} {:>9}\n", "tier", "policy",
             "hit ratio", "lookups", "lookups/s", "store reads", "time", "speed-up");
  ShowProgress("no tier ...");
  const auto none = Measure(database, 0, "lru", workload);
  if (!none) return std::unexpected(none.error());
  PrintRow("none", "-", *none, none->seconds);

  for (const double percent : kPercents) {
    const auto capacity =
        static_cast<std::uint64_t>(percent / 100 * static_cast<double>(workload.bytes));
    const std::string tier = fmt::format("{:>2g} % {}", percent, kvcache::FormatSize(capacity));
    for (const std::string policy : kPolicies) {
      ShowProgress(fmt::format("{}, {} ...", tier, policy));
      const auto row = Measure(database, capacity, policy, workload);
      if (!row) return std::unexpected(row.error());
      if (row->members != none->members) {
        return kvcache::Fail(kvcache::ErrorCode::kInternal,
                             fmt::format("{} packages through a tier of {} and {}, {} without: "
                                         "the cache returned wrong values",
                                         row->members, tier, policy, none->members));
      }
      PrintRow(tier, policy, *row, none->seconds);
    }
  }
  return {};
}

Result<void> Compare(const std::string& database, std::size_t sample) {
  const auto workload = PlanWorkload(database, sample);
  if (!workload) return std::unexpected(workload.error());
  fmt::print(
      "The dependency closures of {} of {} packages, in random order, from {} records of {}.\n\n",
      workload->packages.size(), workload->all_packages, workload->records,
      kvcache::FormatSize(workload->bytes));
  const auto printed = PrintRows(database, *workload);
  if (!printed) return printed;
  fmt::print(
      "\nEvery row makes the same lookups, on one thread, and begins with an empty tier. The tier\n"
      "is beside RocksDB's own block cache of {}, and the system caches the files.\n",
      workload->block_cache);
  return {};
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  CLI::App app("Resolves the dependencies of Debian packages through a cache.");
  std::string database;
  app.add_option("DATABASE", database, "RocksDB database that holds the package index")->required();
  std::vector<std::string> packages;
  app.add_option("PACKAGE", packages,
                 "print what these need; without one, compare tier sizes and eviction policies");
  std::size_t sample = std::numeric_limits<std::size_t>::max();
  app.add_option("--sample", sample, "compare over so many packages only, drawn at random");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  const auto done =
      packages.empty() ? demo::Compare(database, sample) : demo::PrintClosures(database, packages);
  if (done) return 0;
  fmt::print(stderr, "apt_closure: {}\n", done.error().message);
  return 3;
}
