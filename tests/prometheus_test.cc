// What Prometheus itself says of our exposition text.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "base/stats_fields.h"
#include "harness.h"
#include "kvcache/stats.h"
#include "support/temp_folder.h"

namespace kvcache {
namespace {

// What `promtool check metrics` complains of, parse errors and lint alike; empty when nothing.
std::string Complaints(const std::string& metrics) {
  const testing::TempFolder folder;
  std::ofstream(folder / "in") << metrics;
  const std::string command =
      "promtool check metrics < '" + folder / "in" + "' > '" + folder / "out" + "' 2>&1";
  const int status = std::system(command.c_str());
  std::ostringstream out;
  out << std::ifstream(folder / "out").rdbuf();
  return status == 0 ? out.str() : "failed: " + out.str();
}

TEST_CASE("promtool finds nothing wrong with the metrics") {
  if (std::system("command -v promtool > /dev/null 2>&1") != 0) {
    return testing::Skip("no promtool here (Debian's package prometheus has it)");
  }
  REQUIRE_FALSE(Complaints("kvcache_hits{ 1\n").empty());
  REQUIRE_FALSE(Complaints("# HELP x_total X.\n# TYPE x_total gauge\nx_total 1\n").empty());

  Stats stats;
  CHECK(Complaints(stats.ToPrometheus(true)) == "");  // nothing counted, no shard

  stats.shards.resize(2);
  std::uint64_t number = 1;
  for (ShardStats& shard : stats.shards) {
    for (const StatsField& field : kStatsFields) shard.*field.member = number++ << 40;
  }
  stats.total = SumShards(stats.shards);
  stats.policy = "odd\\ \"name\"\nof a policy: caf\xC3\xA9";
  for (std::uint64_t ns = 1; ns != 0; ns <<= 1) stats.load_latency.Record(ns);
  CHECK(Complaints(stats.ToPrometheus()) == "");
  CHECK(Complaints(stats.ToPrometheus(true)) == "");
  stats.capacity_in_entries = true;
  CHECK(Complaints(stats.ToPrometheus(true)) == "");
}

}  // namespace
}  // namespace kvcache
