#include "bench_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "bench_systems.h"
#include "kvcache/size.h"
#include "progress.h"

namespace kvcache::kvtool {
namespace {

double Microseconds(const Summary& summary, double quantile) {
  return static_cast<double>(summary.latency.Percentile(quantile)) / 1e3;
}

// By modelled time, how many times as long this side takes as kvcache.
double Ratio(const BenchResult& result, const Summary& summary) {
  return summary.modelled_us(result.read_us) / result.summaries[0].modelled_us(result.read_us);
}

// The same by operations a second.
double TimedRatio(const BenchResult& result, const Summary& summary) {
  return result.summaries[0].operations_per_second / summary.operations_per_second;
}

// What one of the figures is on all sides: "1.2 MiB each", or "1.2 MiB to 1.3 MiB".
std::string OnEachSide(const BenchResult& result, std::uint64_t MemoryFigures::* figure) {
  const auto [least, most] = std::ranges::minmax(
      result.summaries |
      std::views::transform([figure](const Summary& summary) { return summary.memory.*figure; }));
  const std::string text = FormatSize(least);
  return FormatSize(most) == text ? text + " each"
                                  : fmt::format("{} to {}", text, FormatSize(most));
}

Json ToJson(const BenchResult& result) {
  Json results = Json::array();
  for (const Summary& summary : result.summaries) {
    results.push_back({{"system", summary.name},
                       {"ops_before", summary.operations_before},
                       {"ops_per_second", summary.operations_per_second},
                       {"p50_us", Microseconds(summary, 0.5)},
                       {"p95_us", Microseconds(summary, 0.95)},
                       {"p99_us", Microseconds(summary, 0.99)},
                       {"p99_9_us", Microseconds(summary, 0.999)},
                       {"hit_ratio", summary.hit_ratio},
                       {"tier_hit_ratio", summary.tier.hit_ratio},
                       {"tier_share", summary.tier.share},
                       {"memtable_bytes", summary.memory.memtable_bytes},
                       {"index_filter_bytes", summary.memory.index_filter_bytes},
                       {"device_reads", summary.device_reads},
                       {"cpu_us_per_op", summary.cpu_us},
                       {"modelled_us_per_op", summary.modelled_us(result.read_us)}});
  }
  return {{"workload", result.workload},
          {"records", result.records},
          {"value_size", result.value_bytes},
          {"budget_given", result.budget_text},
          {"budget", result.budget},
          {"threads", result.threads},
          {"batch", result.batch},
          {"direct", result.direct},
          {"read_us", result.read_us},
          {"rocksdb", RocksDbKind()},
          {"policy", result.summaries[0].policy},
          {"results", std::move(results)}};
}

}  // namespace

void PrintText(Output& out, const BenchResult& result) {
  out.Line(fmt::format("workload {}: {}; {} records of {} B and {} B, budget {} ({})",
                       result.workload, result.workload_help, GroupDigits(result.records),
                       kKeyBytes, result.value_bytes, result.budget_text,
                       FormatSize(result.budget)));
  out.Line("");
  out.Line(fmt::format("{:<14}{:>10}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>9}{:>9}{:>10}{:>9}",
                       "system", "ops/s", "p50 us", "p95 us", "p99 us", "p99.9", "hits", "tier",
                       "share", "reads/op", "CPU us", "modelled", "kvcache"));
  for (const Summary& summary : result.summaries) {
    out.Line(fmt::format(
        "{:<14}{:>10}{:>9.1f}{:>9.1f}{:>9.1f}{:>9.1f}{:>8.4f}{:>8.4f}{:>8.2f}{:>9.4f}{:>9.2f}"
        "{:>10.2f}{:>8.2f}x",
        summary.name, GroupDigits(static_cast<std::uint64_t>(summary.operations_per_second)),
        Microseconds(summary, 0.5), Microseconds(summary, 0.95), Microseconds(summary, 0.99),
        Microseconds(summary, 0.999), summary.hit_ratio, summary.tier.hit_ratio, summary.tier.share,
        summary.device_reads, summary.cpu_us, summary.modelled_us(result.read_us),
        Ratio(result, summary)));
  }
  out.Line("");
  out.Line(
      fmt::format("hits: reads answered without the device, tier: by the memory tier, which has "
                  "that share of the caches;\nmodelled: us an operation, CPU and {} us for each "
                  "read of the device; kvcache: how many times as fast\nit is by that, under {}; "
                  "RocksDB {}",
                  result.read_us, result.summaries[0].policy, RocksDbKind()));
  out.Line(fmt::format("outside the budget: index and filters {}; of it in memtables: {}",
                       OnEachSide(result, &MemoryFigures::index_filter_bytes),
                       OnEachSide(result, &MemoryFigures::memtable_bytes)));
  out.Line("");
}

void PrintRatios(Output& out, const std::vector<BenchResult>& results) {
  const std::vector<Summary>& sides = results[0].summaries;
  if (sides.size() < 2) return;
  out.Line("How many times as fast kvcache is, modelled / as timed");
  out.Line("");
  std::string header = fmt::format("{:<20}{:>8}", "workload", "budget");
  for (std::size_t i = 1; i < sides.size(); ++i) header += fmt::format("{:>16}", sides[i].name);
  out.Line(header);
  for (const BenchResult& result : results) {
    std::string line = fmt::format("{:<20}{:>8}", result.workload, result.budget_text);
    for (std::size_t i = 1; i < result.summaries.size(); ++i) {
      const Summary& side = result.summaries[i];
      line += fmt::format("{:>9.2f} / {:.2f}", Ratio(result, side), TimedRatio(result, side));
    }
    out.Line(line);
  }
}

Json ToJson(const std::vector<BenchResult>& results) {
  if (results.size() == 1) return ToJson(results[0]);
  Json runs = Json::array();
  for (const BenchResult& result : results) runs.push_back(ToJson(result));
  return {{"runs", std::move(runs)}};
}

BarChart ChartOf(const std::vector<BenchResult>& results) {
  BarChart chart;
  const BenchResult& first = results[0];
  chart.title = fmt::format(
      "kvcache beside RocksDB's caches on as many bytes: {} records of {} B "
      "and {} B",
      GroupDigits(first.records), kKeyBytes, first.value_bytes);
  chart.y_label = fmt::format("times as fast, at {} us a read of the device", first.read_us);
  chart.baseline = 1;
  for (std::size_t i = 1; i < first.summaries.size(); ++i) {
    chart.series.push_back({fmt::format("than {}", first.summaries[i].name), {}});
  }
  for (const BenchResult& result : results) {
    chart.groups.push_back(fmt::format("{} {}", result.workload, result.budget_text));
    for (std::size_t i = 1; i < result.summaries.size(); ++i) {
      chart.series[i - 1].heights.push_back(Ratio(result, result.summaries[i]));
    }
  }
  return chart;
}

}  // namespace kvcache::kvtool
