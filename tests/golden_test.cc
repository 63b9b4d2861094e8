// How often each policy misses on our own traces: whatever changes these figures changes what users
// get, and is to be seen. They lie in golden/miss_counts.csv, whose head tells how to renew them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "harness.h"
#include "support/simulations.h"

namespace kvcache::testing {
namespace {

constexpr const char* kHead =
    "# Misses of every policy, with its default parameters, on the traces in data/, with room for\n"
    "# 1 and 10 % of their unique keys. Renewed, new policies included, by\n"
    "#     KVCACHE_RENEW_GOLDEN=1 build/release/tests/golden_test\n"
    "# whose changes to this file are to be looked at and explained where they are committed.\n"
    "trace,policy,percent,objects,misses\n";

// Trace, policy, percent.
using Row = std::tuple<std::string, std::string, std::uint64_t>;
struct Figures {
  std::uint64_t objects = 0;
  std::uint64_t misses = 0;
  bool operator==(const Figures&) const = default;
};
using Table = std::map<Row, Figures>;

std::filesystem::path Source() { return KVCACHE_SOURCE_DIR; }
std::filesystem::path TablePath() { return Source() / "tests" / "golden" / "miss_counts.csv"; }

void Measure(const std::string& trace, Table& table) {
  const std::string path = (Source() / "data" / (trace + ".txt.zst")).string();
  const TraceScan scan = Scan(path);
  std::vector<SimulatedCase> cases;
  std::vector<Row> rows;
  for (const std::string& policy : AllPolicies()) {
    for (const std::uint64_t percent : {1U, 10U}) {
      cases.push_back({SpecOf(policy), scan.objects * percent / 100});
      rows.emplace_back(trace, policy, percent);
    }
  }
  const auto results = Simulate(path, cases, {.threads = 2}, scan.next_uses);
  REQUIRE_MESSAGE(results, Text(results.error()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    table[rows[i]] = {cases[i].size, (*results)[i].counts.misses};
  }
}

Table ReadTable() {
  std::ifstream file(TablePath());
  REQUIRE_MESSAGE(file, "cannot read " << TablePath());
  Table table;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#') || line.starts_with("trace,")) continue;
    std::ranges::replace(line, ',', ' ');
    std::istringstream fields(line);
    std::string trace, policy;
    std::uint64_t percent = 0;
    Figures figures;
    fields >> trace >> policy >> percent >> figures.objects >> figures.misses;
    REQUIRE_MESSAGE(fields, "malformed: " << line);
    table[{trace, policy, percent}] = figures;
  }
  return table;
}

void WriteTable(const Table& table) {
  std::ofstream file(TablePath());
  file << kHead;
  for (const auto& [row, figures] : table) {
    const auto& [trace, policy, percent] = row;
    file << trace << ',' << policy << ',' << percent << ',' << figures.objects << ','
         << figures.misses << '\n';
  }
  file.close();
  REQUIRE_MESSAGE(file, "cannot write " << TablePath());
}

std::string Text(const Row& row) {
  const auto& [trace, policy, percent] = row;
  return policy + " on " + trace + " at " + std::to_string(percent) + " %";
}

TEST_CASE("every policy misses as often as it did") {
  Table now;
  for (const char* trace : {"build_files", "dependency_walk", "sql_pages"}) Measure(trace, now);
  if (std::getenv("KVCACHE_RENEW_GOLDEN") != nullptr) {
    WriteTable(now);
    MESSAGE("written: " << TablePath());
    return;
  }
  const Table golden = ReadTable();
  for (const auto& [row, figures] : now) {
    const auto found = golden.find(row);
    if (found == golden.end()) {
      FAIL_CHECK(Text(row), " has no row in ", TablePath(),
                 "; add the policy's rows by KVCACHE_RENEW_GOLDEN=1 golden_test");
      continue;
    }
    CHECK_MESSAGE(figures == found->second,
                  Text(row) << ": " << figures.misses << " misses with " << figures.objects
                            << " objects, in the table " << found->second.misses << " with "
                            << found->second.objects);
  }
  for (const auto& [row, figures] : golden) {
    CHECK_MESSAGE(now.contains(row), Text(row) << " is in the table, and there is no such policy");
  }
}

}  // namespace
}  // namespace kvcache::testing
