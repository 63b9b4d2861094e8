// Stats as text, JSON and Prometheus exposition format.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/latency_buckets.h"
#include "base/stats_fields.h"
#include "kvcache/size.h"
#include "kvcache/stats.h"

namespace kvcache {
namespace {

struct Quantile {
  double q;
  std::string_view text;  // "p99.9"
  std::string_view name;  // "p99_9"
};
constexpr std::array<Quantile, 4> kQuantiles = {
    {{0.5, "p50", "p50"}, {0.9, "p90", "p90"}, {0.99, "p99", "p99"}, {0.999, "p99.9", "p99_9"}}};

// The name of a field without its unit: "load" for "load_nanoseconds".
std::string_view Stem(const auto& field) {
  constexpr std::string_view kSuffix = "_nanoseconds";
  std::string_view stem = field.name;
  if (field.unit == FieldUnit::kNanoseconds) stem.remove_suffix(kSuffix.size());
  return stem;
}

// --- Text ---

std::string FormatDuration(std::uint64_t nanoseconds) {
  const auto ns = static_cast<double>(nanoseconds);
  if (ns < 1e3) return fmt::format("{} ns", nanoseconds);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.1f} ms", ns / 1e6);
  return fmt::format("{:.1f} s", ns / 1e9);
}

std::string FormatField(const StatsField& field, std::uint64_t value) {
  switch (field.unit) {
    case FieldUnit::kBytes:
      return FormatSize(value);
    case FieldUnit::kNanoseconds:
      return FormatDuration(value);
    case FieldUnit::kCount:
      break;
  }
  return fmt::format("{}", value);
}

std::string FormatLatency(const LatencyHistogram& histogram) {
  if (histogram.count() == 0) return "none yet";
  std::string text;
  for (const Quantile& quantile : kQuantiles) {
    fmt::format_to(std::back_inserter(text), "{}{} {}", text.empty() ? "" : ", ", quantile.text,
                   FormatDuration(histogram.Percentile(quantile.q)));
  }
  return text;
}

void AppendLine(std::string& text, std::string label, std::string_view value) {
  std::ranges::replace(label, '_', ' ');
  fmt::format_to(std::back_inserter(text), "{:<14} {}\n", label, value);
}

std::string FormatRecording(const RecordingStats& recording) {
  const std::string so_far =
      fmt::format("{} requests, {}", recording.requests, FormatSize(recording.bytes));
  if (recording.active) return "on: " + so_far;
  return (recording.error.empty() ? "ended: " : "failed: ") + so_far;
}

void AppendSplit(std::string& text, const SplitStats& split) {
  AppendLine(text, "memory budget",
             fmt::format("{}: memtables {}, tier {}, block cache {} ({} used)",
                         FormatSize(split.budget_bytes), FormatSize(split.memtable_bytes),
                         FormatSize(split.tier_bytes), FormatSize(split.block_cache_bytes),
                         FormatSize(split.block_cache_used_bytes)));
  if (split.fixed) return;
  AppendLine(text, "split moves",
             fmt::format("{} to the tier, {} to the block cache", split.moves_to_tier,
                         split.moves_to_blocks));
  AppendLine(
      text, "split reasons",
      fmt::format("a 16th more would have saved the tier {}, the block cache {}; a read "
                  "takes {} and {} for each block that is not cached",
                  FormatDuration(split.tier_saving_nanoseconds),
                  FormatDuration(split.block_saving_nanoseconds),
                  FormatDuration(split.key_nanoseconds), FormatDuration(split.block_nanoseconds)));
}

// --- JSON ---

using Json = nlohmann::ordered_json;

void AddFields(Json& object, const auto& fields, const auto& figures) {
  for (const auto& field : fields) object[field.name] = figures.*field.member;
}

void AddLatency(Json& object, std::string_view what, const LatencyHistogram& histogram) {
  for (const Quantile& quantile : kQuantiles) {
    object[fmt::format("{}_{}_us", what, quantile.name)] =
        static_cast<double>(histogram.Percentile(quantile.q)) / 1e3;
  }
}

Json ToJson(const RecordingStats& recording) {
  if (recording.path.empty()) return nullptr;
  return {{"active", recording.active},
          {"path", recording.path},
          {"sample", recording.sample},
          {"requests", recording.requests},
          {"bytes", recording.bytes},
          {"error", recording.error.empty() ? Json() : Json(recording.error)}};
}

Json ToJson(const SplitStats& split) {
  if (split.budget_bytes == 0) return nullptr;
  Json object{{"fixed", split.fixed}};
  AddFields(object, kSplitFields, split);
  return object;
}

// --- Prometheus ---

std::string EscapeLabel(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\n') {
      escaped += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

void AppendFamily(std::string& text, std::string_view name, std::string_view type,
                  std::string_view help) {
  fmt::format_to(std::back_inserter(text), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void AppendGauge(std::string& text, std::string_view name, std::string_view help,
                 std::uint64_t value) {
  AppendFamily(text, name, "gauge", help);
  fmt::format_to(std::back_inserter(text), "{} {}\n", name, value);
}

// A sample's labels, braces included, and its value's source.
template <class Figures>
using Sample = std::pair<std::string, const Figures*>;

template <class Figures>
void AppendField(std::string& text, std::string_view prefix, const FieldOf<Figures>& field,
                 const std::vector<Sample<Figures>>& samples) {
  const bool counter = field.kind == FieldKind::kCounter;
  const bool seconds = field.unit == FieldUnit::kNanoseconds;
  const std::string name = fmt::format("{}_{}{}{}", prefix, Stem(field), seconds ? "_seconds" : "",
                                       counter ? "_total" : "");
  AppendFamily(text, name, counter ? "counter" : "gauge", field.help);
  for (const auto& [labels, stats] : samples) {
    const std::uint64_t value = stats->*field.member;
    fmt::format_to(std::back_inserter(text), "{}{} ", name, labels);
    if (seconds) {
      fmt::format_to(std::back_inserter(text), "{}\n", static_cast<double>(value) / 1e9);
    } else {
      fmt::format_to(std::back_inserter(text), "{}\n", value);
    }
  }
}

// Bucket edges are a nanosecond below powers of 4, from 1 us to 17 s. The sum is taken from the
// middles of the finer buckets, so it is within an eighth of the true one.
void AppendHistogram(std::string& text, std::string_view name, std::string_view help,
                     const LatencyHistogram& histogram) {
  AppendFamily(text, name, "histogram", help);
  const auto out = std::back_inserter(text);
  std::uint64_t count = 0;
  double sum = 0;
  for (std::size_t bucket = 0; bucket < LatencyHistogram::kBuckets; ++bucket) {
    const std::uint64_t upper = LatencyUpperEdge(bucket);
    const std::uint64_t lower = bucket == 0 ? 0 : LatencyUpperEdge(bucket - 1) + 1;
    count += histogram.counts[bucket];
    sum += static_cast<double>(histogram.counts[bucket]) * static_cast<double>(lower + upper) / 2e9;
    const auto power = std::bit_width(upper);
    if (upper == (std::uint64_t{1} << power) - 1 && power >= 10 && power <= 34 && power % 2 == 0) {
      fmt::format_to(out, "{}_bucket{{le=\"{}\"}} {}\n", name, static_cast<double>(upper) / 1e9,
                     count);
    }
  }
  fmt::format_to(out, "{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, count,
                 sum);
}

}  // namespace

std::string Stats::ToText() const {
  std::string text;
  AppendLine(text, "policy", policy);
  AppendLine(text, "capacity",
             capacity_in_entries ? fmt::format("{} entries", capacity) : FormatSize(capacity));
  AppendLine(text, "memory",
             fmt::format("{} and {} pinned", FormatSize(memory_bytes), FormatSize(pinned_bytes)));
  AppendLine(text, "shards", fmt::format("{}", shards.size()));
  AppendLine(text, "hit ratio", fmt::format("{:.4f}", hit_ratio()));
  for (const StatsField& field : kStatsFields) {
    if (field.kind == FieldKind::kMaximum) continue;  // of one shard, and for who works on it
    const bool time = field.unit == FieldUnit::kNanoseconds;
    AppendLine(text, fmt::format("{}{}", Stem(field), time ? " time" : ""),
               FormatField(field, total.*field.member));
  }
  AppendLine(text, "load latency", FormatLatency(load_latency));
  AppendLine(text, "write latency", FormatLatency(write_latency));
  if (!recording.path.empty()) AppendLine(text, "recording", FormatRecording(recording));
  if (split.budget_bytes != 0) AppendSplit(text, split);
  return text;
}

std::string Stats::ToJson() const {
  Json object;
  object["policy"] = policy;
  object["capacity"] = capacity;
  object["capacity_unit"] = capacity_in_entries ? "entries" : "bytes";
  object["memory_bytes"] = memory_bytes;
  object["pinned_bytes"] = pinned_bytes;
  object["hit_ratio"] = hit_ratio();
  AddFields(object, kStatsFields, total);
  AddLatency(object, "load", load_latency);
  AddLatency(object, "write", write_latency);
  object["recording"] = kvcache::ToJson(recording);
  object["split"] = kvcache::ToJson(split);
  Json& parts = object["shards"] = Json::array();
  for (const ShardStats& shard : shards) {
    AddFields(parts.emplace_back(Json::object()), kStatsFields, shard);
  }
  // A policy's name is the caller's: bytes that are not UTF-8 must not throw.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Stats::ToPrometheus(bool per_shard) const {
  std::string text;
  AppendFamily(text, "kvcache_info", "gauge", "The cache's settings, as labels.");
  fmt::format_to(std::back_inserter(text), "kvcache_info{{policy=\"{}\"}} 1\n",
                 EscapeLabel(policy));
  AppendGauge(text, capacity_in_entries ? "kvcache_capacity_entries" : "kvcache_capacity_bytes",
              "What the memory tier may use.", capacity);
  AppendGauge(text, "kvcache_memory_bytes", "All that the memory tier holds.", memory_bytes);
  AppendGauge(text, "kvcache_pinned_bytes", "Entries that left and are still held by readers.",
              pinned_bytes);
  AppendGauge(text, "kvcache_recording", "Whether lookups are being recorded.",
              recording.active ? 1 : 0);
  AppendGauge(text, "kvcache_recording_failed", "Whether the last recording ended with an error.",
              recording.error.empty() ? 0 : 1);
  AppendFamily(text, "kvcache_recorded_requests_total", "counter",
               "Requests of the recording that goes on, or of the last one.");
  fmt::format_to(std::back_inserter(text), "kvcache_recorded_requests_total {}\n",
                 recording.requests);
  for (const auto& field : kStatsFields) AppendField(text, "kvcache", field, {{"", &total}});
  if (split.budget_bytes != 0) {
    for (const auto& field : kSplitFields) {
      AppendField(text, "kvcache_split", field, {{"", &split}});
    }
  }
  AppendHistogram(text, "kvcache_load_latency_seconds", "Duration of the store's reads.",
                  load_latency);
  AppendHistogram(text, "kvcache_write_latency_seconds", "Duration of the store's writes.",
                  write_latency);
  if (!per_shard) return text;

  // Under a name of their own: a sum over one metric must not count both a total and its parts.
  std::vector<Sample<ShardStats>> samples;
  samples.reserve(shards.size());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    samples.emplace_back(fmt::format("{{shard=\"{}\"}}", i), &shards[i]);
  }
  for (const StatsField& field : kStatsFields) AppendField(text, "kvcache_shard", field, samples);
  return text;
}

}  // namespace kvcache
