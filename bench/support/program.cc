#include "support/program.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <rocksdb/version.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/size.h"

namespace bench {

namespace {

std::vector<std::function<void()>>& Ends() {
  static std::vector<std::function<void()>> ends;
  return ends;
}

}  // namespace

void AtEnd(std::function<void()> end) { Ends().push_back(std::move(end)); }

std::uint64_t Sizes::EntriesOf(std::uint64_t value_bytes) const {
  return std::min(entries, most_bytes / value_bytes);
}

int RunProgram(int argc, char** argv, const std::function<void(const Sizes&)>& add) {
  // Interleaved by default: these machines' speed changes while a program runs.
  std::vector<char*> arguments(argv, argv + argc);
  std::string interleave = "--benchmark_enable_random_interleaving=true";
  arguments.insert(arguments.begin() + 1, interleave.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());

  Sizes sizes;
  CLI::App app(
      "A benchmark of kvcache. Also takes Google Benchmark's flags: --benchmark_filter, "
      "--benchmark_repetitions, --benchmark_format=json and others.");
  app.add_option("--entries", sizes.entries, "Entries in a working set")->capture_default_str();
  app.add_option("--most-bytes", sizes.most_bytes,
                 "With large values as many entries as make up so many bytes")
      ->capture_default_str();
  try {
    app.parse(count, arguments.data());
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }

  benchmark::AddCustomContext(
      "rocksdb", fmt::format("{}.{}.{}, assertions {}", ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH,
                             ROCKSDB_ASSERTIONS != 0 ? "on" : "off (NDEBUG)"));
  benchmark::AddCustomContext("entries", std::to_string(sizes.entries));
  for (const std::uint64_t value_bytes : kValueSizes) {
    benchmark::AddCustomContext(fmt::format("entries/{}", value_bytes),
                                std::to_string(sizes.EntriesOf(value_bytes)));
  }
  add(sizes);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  for (const auto& end : Ends()) end();
  return 0;
}

}  // namespace bench
