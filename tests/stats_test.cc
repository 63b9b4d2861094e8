#include "kvcache/stats.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/stats_fields.h"
#include "harness.h"

namespace kvcache {
namespace {

using Json = nlohmann::json;

// Every figure differs from every other.
ShardStats Numbered(std::uint64_t first) {
  ShardStats stats;
  for (const StatsField& field : kStatsFields) stats.*field.member = first++;
  return stats;
}

Stats Sample() {
  Stats stats;
  stats.shards = {Numbered(1000), Numbered(2000)};
  stats.total = SumShards(stats.shards);
  stats.policy = "lru-k:k=2";
  stats.capacity = std::uint64_t{64} << 20;
  stats.memory_bytes = 60'000'000;
  stats.pinned_bytes = 512;
  for (std::uint64_t ns = 1000; ns <= 100'000; ns += 1000) stats.load_latency.Record(ns);
  stats.write_latency.Record(5'000'000);
  return stats;
}

// The samples of an exposition text: "name{labels}" to value.
std::map<std::string, double> Samples(const std::string& text) {
  std::map<std::string, double> samples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    const std::size_t space = line.rfind(' ');
    REQUIRE(space != std::string::npos);
    const bool first = samples.emplace(line.substr(0, space), std::stod(line.substr(space))).second;
    CHECK_MESSAGE(first, "twice: ", line);
  }
  return samples;
}

TEST_CASE("a percentile is at least the true one and at most a quarter above it") {
  std::mt19937_64 random(testing::Seed());
  LatencyHistogram histogram;
  std::vector<std::uint64_t> durations;
  for (int i = 0; i < 5000; ++i) {
    durations.push_back(random() >> (24 + random() % 40));  // of every magnitude up to 2^40
    histogram.Record(durations.back());
  }
  std::ranges::sort(durations);
  CHECK(histogram.count() == durations.size());
  for (const double q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    CAPTURE(q);
    const auto rank = std::max(1.0, std::ceil(q * static_cast<double>(durations.size())));
    const std::uint64_t truth = durations[static_cast<std::size_t>(rank) - 1];
    const std::uint64_t found = histogram.Percentile(q);
    CHECK(found >= truth);
    CHECK(static_cast<double>(found) <= 1.25 * static_cast<double>(truth));
  }
}

TEST_CASE("histograms at their ends") {
  LatencyHistogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.Percentile(0.5) == 0);
  histogram.Record(3);
  CHECK(histogram.Percentile(0.5) == 3);
  CHECK(histogram.Percentile(-1) == 3);
  histogram.Record(std::numeric_limits<std::uint64_t>::max());
  CHECK(histogram.count() == 2);
  CHECK(histogram.Percentile(2) == (std::uint64_t{1} << 41) - 1);  // the last bucket's edge
}

TEST_CASE("histograms add up and subtract") {
  LatencyHistogram sum, part;
  sum.Record(100);
  part.Record(100);
  part.Record(1'000'000);
  const LatencyHistogram before = sum;
  sum += part;
  CHECK(sum.count() == 3);
  sum -= part;
  CHECK(sum.counts == before.counts);
}

TEST_CASE("shards add up, but for maxima") {
  const std::vector<ShardStats> shards = {Numbered(1000), Numbered(3000), Numbered(2000)};
  const ShardStats total = SumShards(shards);
  CHECK(total.hits == 6000);
  CHECK(total.entries == shards[0].entries + shards[1].entries + shards[2].entries);
  CHECK(total.longest_probe == shards[1].longest_probe);
  CHECK(SumShards({}) == ShardStats());
}

TEST_CASE("a window has the counters' differences and the later gauges") {
  Stats earlier = Sample();
  Stats later = Sample();
  for (const StatsField& field : kStatsFields) {
    later.total.*field.member += 7;
    later.shards[1].*field.member += 7;
  }
  later.policy = "lfu";
  later.memory_bytes = 1;
  later.load_latency.Record(50);
  const Stats window = later - earlier;
  for (const StatsField& field : kStatsFields) {
    CAPTURE(field.name);
    const bool counter = field.kind == FieldKind::kCounter;
    CHECK(window.total.*field.member == (counter ? 7 : later.total.*field.member));
    CHECK(window.shards[0].*field.member == (counter ? 0 : later.shards[0].*field.member));
    CHECK(window.shards[1].*field.member == (counter ? 7 : later.shards[1].*field.member));
  }
  CHECK(window.policy == "lfu");
  CHECK(window.memory_bytes == 1);
  CHECK(window.load_latency.count() == 1);
  CHECK(window.write_latency.count() == 0);
  CHECK(window.hit_ratio() == 0.5);
}

TEST_CASE("the hit ratio before the first lookup is 0") {
  Stats stats;
  CHECK(stats.hit_ratio() == 0);
  stats.total.hits = 3;
  stats.total.misses = 1;
  CHECK(stats.hit_ratio() == 0.75);
}

TEST_CASE("JSON has every figure, of the whole and of each shard") {
  const Stats stats = Sample();
  const Json json = Json::parse(stats.ToJson());
  REQUIRE(json.at("shards").size() == 2);
  for (const StatsField& field : kStatsFields) {
    CAPTURE(field.name);
    CHECK(json.at(std::string(field.name)) == stats.total.*field.member);
    CHECK(json.at("shards")[1].at(std::string(field.name)) == stats.shards[1].*field.member);
  }
  CHECK(json.at("hits") == stats.total.hits);  // the table's names are the members'
  CHECK(json.at("load_nanoseconds") == stats.total.load_nanoseconds);
  CHECK(json.at("hit_ratio") == stats.hit_ratio());
  CHECK(json.at("policy") == "lru-k:k=2");
  CHECK(json.at("capacity") == stats.capacity);
  CHECK(json.at("capacity_unit") == "bytes");
  CHECK(json.at("memory_bytes") == 60'000'000);
  CHECK(json.at("pinned_bytes") == 512);
  CHECK(json.at("load_p50_us") == static_cast<double>(stats.load_latency.Percentile(0.5)) / 1000);
  CHECK(json.at("load_p99_9_us") >= 100.0);
  CHECK(json.at("write_p90_us") >= 5000.0);
}

TEST_CASE("JSON of a policy whose name is not UTF-8") {
  Stats stats;
  stats.policy = "caf\xE9";
  stats.capacity_in_entries = true;
  const Json json = Json::parse(stats.ToJson());
  CHECK(json.at("policy") == "caf\xEF\xBF\xBD");
  CHECK(json.at("capacity_unit") == "entries");
}

TEST_CASE("a split of a memory budget, in all texts") {
  Stats stats = Sample();
  CHECK(Json::parse(stats.ToJson()).at("split").is_null());
  CHECK(stats.ToText().find("budget") == std::string::npos);
  CHECK(stats.ToPrometheus().find("kvcache_split") == std::string::npos);
  stats.split = {.budget_bytes = 4096,
                 .fixed = false,
                 .memtable_bytes = 512,
                 .tier_bytes = 1024,
                 .block_cache_bytes = 3072,
                 .block_cache_used_bytes = 2048,
                 .block_misses = 11,
                 .moves_to_tier = 2,
                 .moves_to_blocks = 3,
                 .tier_saving_nanoseconds = 5'000'000'000,
                 .block_saving_nanoseconds = 7'000'000,
                 .key_nanoseconds = 4000,
                 .block_nanoseconds = 90'000};
  const Json json = Json::parse(stats.ToJson()).at("split");
  CHECK(json.at("fixed") == false);
  CHECK(json.at("budget_bytes") == 4096);
  CHECK(json.at("tier_bytes") == 1024);
  CHECK(json.at("block_saving_nanoseconds") == 7'000'000);
  const std::string text = stats.ToText();
  CHECK(text.find("\nmemory budget  4.0 KiB: memtables 512 B, tier 1.0 KiB, block cache 3.0 KiB "
                  "(2.0 KiB used)\n") != std::string::npos);
  CHECK(text.find("\nsplit moves    2 to the tier, 3 to the block cache\n") != std::string::npos);
  CHECK(text.find("the tier 5.0 s, the block cache 7.0 ms; a read takes 4.0 us and 90.0 us for") !=
        std::string::npos);
  const auto samples = Samples(stats.ToPrometheus());
  CHECK(samples.at("kvcache_split_budget_bytes") == 4096);
  CHECK(samples.at("kvcache_split_moves_to_blocks_total") == 3);
  CHECK(samples.at("kvcache_split_tier_saving_seconds_total") == 5);
  Stats later = stats;
  later.split.moves_to_tier = 10;
  later.split.tier_bytes = 2048;
  CHECK((later - stats).split.moves_to_tier == 8);
  CHECK((later - stats).split.tier_bytes == 2048);
  stats.split.fixed = true;
  CHECK(stats.ToText().find("split moves") == std::string::npos);
}

TEST_CASE("a recording, in all texts") {
  Stats stats = Sample();
  CHECK(Json::parse(stats.ToJson()).at("recording").is_null());
  CHECK(stats.ToText().find("recording") == std::string::npos);
  CHECK(Samples(stats.ToPrometheus()).at("kvcache_recording") == 0);
  stats.recording = {.active = true,
                     .path = "caf\xE9.txt",
                     .sample = 0.25,
                     .requests = 7,
                     .bytes = 2048,
                     .error = {}};
  Json json = Json::parse(stats.ToJson()).at("recording");
  CHECK(json.at("active") == true);
  CHECK(json.at("path") == "caf\xEF\xBF\xBD.txt");
  CHECK(json.at("sample") == 0.25);
  CHECK(json.at("requests") == 7);
  CHECK(json.at("bytes") == 2048);
  CHECK(json.at("error").is_null());
  CHECK(stats.ToText().find("\nrecording      on: 7 requests, 2.0 KiB\n") != std::string::npos);
  CHECK(Samples(stats.ToPrometheus()).at("kvcache_recording") == 1);
  CHECK(Samples(stats.ToPrometheus()).at("kvcache_recorded_requests_total") == 7);
  CHECK(Samples(stats.ToPrometheus()).at("kvcache_recording_failed") == 0);
  CHECK((stats - stats).recording.requests == 7);
  stats.recording.active = false;
  CHECK(stats.ToText().find("\nrecording      ended: 7 requests") != std::string::npos);
  stats.recording.error = "disk full";
  CHECK(stats.ToText().find("\nrecording      failed: 7 requests") != std::string::npos);
  CHECK(Json::parse(stats.ToJson()).at("recording").at("error") == "disk full");
  CHECK(Samples(stats.ToPrometheus()).at("kvcache_recording_failed") == 1);
}

TEST_CASE("text fits a screen of 25 lines and 80 columns and lines up") {
  const std::string text = Sample().ToText();
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    CAPTURE(line);
    CHECK(line.size() <= 80);
    REQUIRE(line.size() > 15);
    CHECK(line[14] == ' ');
    CHECK(line[15] != ' ');
  }
  CHECK(count <= 25);
  CHECK(text.find("policy         lru-k:k=2\n") == 0);
  CHECK(text.find("\ncapacity       64.0 MiB\n") != std::string::npos);
  CHECK(text.find("\nmemory         57.2 MiB and 512 B pinned\n") != std::string::npos);
  CHECK(text.find("\nhits           3000\n") != std::string::npos);
  CHECK(text.find("\nload time      3.0 us\n") != std::string::npos);
  CHECK(text.find("\nload latency   p50 57.3 us, p90 ") != std::string::npos);
  CHECK(Stats().ToText().find("\nload latency   none yet\n") != std::string::npos);
}

TEST_CASE("Prometheus text has every figure once, seconds for nanoseconds") {
  const Stats stats = Sample();
  const auto samples = Samples(stats.ToPrometheus());
  CHECK(samples.at("kvcache_hits_total") == 3000);
  CHECK(samples.at("kvcache_load_seconds_total") ==
        doctest::Approx(static_cast<double>(stats.total.load_nanoseconds) / 1e9));
  CHECK(samples.at("kvcache_entries") == static_cast<double>(stats.total.entries));
  CHECK(samples.at("kvcache_capacity_bytes") == static_cast<double>(stats.capacity));
  CHECK(samples.at("kvcache_info{policy=\"lru-k:k=2\"}") == 1);
  const auto named = [](const auto& sample) {
    return sample.first.find("latency") == std::string::npos && sample.first.find("kvcache_") == 0;
  };
  CHECK(std::ranges::count_if(samples, named) == std::ssize(kStatsFields) + 7);
}

TEST_CASE("Prometheus histograms count all that is at most their edge") {
  Stats stats;
  for (const std::uint64_t ns : {500u, 1023u, 1024u, 90'000u, 100'000u}) {
    stats.load_latency.Record(ns);
  }
  stats.load_latency.Record(std::uint64_t{1} << 40);
  const auto samples = Samples(stats.ToPrometheus());
  const std::string name = "kvcache_load_latency_seconds";
  CHECK(samples.at(name + "_bucket{le=\"1.023e-06\"}") == 2);
  CHECK(samples.at(name + "_bucket{le=\"4.095e-06\"}") == 3);
  CHECK(samples.at(name + "_bucket{le=\"0.000262143\"}") == 5);
  CHECK(samples.at(name + "_bucket{le=\"17.179869183\"}") == 5);
  CHECK(samples.at(name + "_bucket{le=\"+Inf\"}") == 6);
  CHECK(samples.at(name + "_count") == 6);
  const double sum = static_cast<double>(std::uint64_t{1} << 40) / 1e9 + 0.000193;
  CHECK(samples.at(name + "_sum") == doctest::Approx(sum).epsilon(0.125));
}

TEST_CASE("Prometheus series of shards have a name of their own and add up") {
  const Stats stats = Sample();
  const auto samples = Samples(stats.ToPrometheus(true));
  CHECK(samples.at("kvcache_shard_misses_total{shard=\"0\"}") == 1001);
  CHECK(samples.at("kvcache_shard_misses_total{shard=\"0\"}") +
            samples.at("kvcache_shard_misses_total{shard=\"1\"}") ==
        samples.at("kvcache_misses_total"));
}

TEST_CASE("Prometheus labels are escaped") {
  Stats stats;
  stats.policy = "a\"b\\c\nd";
  CHECK(stats.ToPrometheus().find("kvcache_info{policy=\"a\\\"b\\\\c\\nd\"} 1\n") !=
        std::string::npos);
}

}  // namespace
}  // namespace kvcache
