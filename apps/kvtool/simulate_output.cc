#include "simulate_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kvcache/size.h"
#include "progress.h"

namespace kvcache::kvtool {
namespace {

using RatioOfCounts = double (SimulatedCounts::*)() const;

constexpr int kColumn = 12;

// The least ratio at each size of those who do not know the future.
std::map<std::uint64_t, double> Best(const SimulatedTrace& trace, RatioOfCounts ratio) {
  std::map<std::uint64_t, double> best;
  for (const SimulatedRow& row : trace.rows) {
    if (row.policy.knows_future()) continue;
    const double value = (row.result.counts.*ratio)();
    const auto [entry, is_new] = best.emplace(row.size, value);
    if (!is_new) entry->second = std::min(entry->second, value);
  }
  return best;
}

std::size_t CountPolicies(const SimulatedTrace& trace) {
  std::size_t count = 0;
  while (count < trace.rows.size() && trace.rows[count].size_text == trace.rows[0].size_text) {
    ++count;
  }
  return count;
}

void PrintTable(Output& out, const SimulatedTrace& trace, SizeUnit unit, std::string_view title,
                RatioOfCounts ratio) {
  const std::size_t policies = CountPolicies(trace);
  std::size_t width = title.size();
  for (std::size_t i = 0; i < policies; ++i) {
    width = std::max(width, trace.rows[i].policy.name.size());
  }
  std::string head = fmt::format("{:<{}}", title, width);
  std::string sizes = fmt::format("{:<{}}", "", width);
  for (std::size_t at = 0; at < trace.rows.size(); at += policies) {
    const SimulatedRow& row = trace.rows[at];
    head += fmt::format("{:>{}} ", row.size_text, kColumn);
    const std::string size = SizeText(row.size, unit);
    sizes += fmt::format("{:>{}} ", size == row.size_text ? "" : size, kColumn);
  }
  const auto line = [&out](std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    out.Line(text);
  };
  line(head);
  if (sizes.find_first_not_of(' ') != std::string::npos) line(sizes);
  const std::map<std::uint64_t, double> best = Best(trace, ratio);
  for (std::size_t policy = 0; policy < policies; ++policy) {
    std::string text = fmt::format("{:<{}}", trace.rows[policy].policy.name, width);
    for (std::size_t at = policy; at < trace.rows.size(); at += policies) {
      const SimulatedRow& row = trace.rows[at];
      const double value = (row.result.counts.*ratio)();
      const bool is_best = !row.policy.knows_future() && policies > 1 && value == best.at(row.size);
      text += fmt::format("{:>{}.4f}{}", value, kColumn, is_best ? '*' : ' ');
    }
    line(text);
  }
  out.Line("");
}

}  // namespace

void PrintTables(Output& out, const SimulatedTrace& trace, SizeUnit unit) {
  const bool has_sizes = trace.scan.has_sizes;
  out.Line(fmt::format("{}: {} requests for {} keys{}", trace.name,
                       GroupDigits(trace.scan.requests), GroupDigits(trace.scan.objects),
                       has_sizes ? " of " + FormatSize(trace.scan.bytes) : ""));
  out.Line("");
  PrintTable(out, trace, unit, "miss ratio", &SimulatedCounts::miss_ratio);
  if (has_sizes) {
    PrintTable(out, trace, unit, "byte miss ratio", &SimulatedCounts::byte_miss_ratio);
  }
}

Json ToJson(const std::vector<SimulatedTrace>& traces, SizeUnit unit) {
  Json results = Json::array();
  for (const SimulatedTrace& trace : traces) {
    for (const SimulatedRow& row : trace.rows) {
      const SimulatedCounts& counts = row.result.counts;
      results.push_back({{"trace", trace.name},
                         {"policy", row.policy.name},
                         {"parameters", row.policy.Parameters()},
                         {"size", row.size},
                         {"size_given", row.size_text},
                         {"unit", UnitName(unit)},
                         {"requests", counts.requests},
                         {"misses", counts.misses},
                         {"miss_ratio", counts.miss_ratio()},
                         {"byte_miss_ratio", counts.byte_miss_ratio()},
                         {"objects", row.result.objects},
                         {"memory_bytes", row.result.memory_bytes}});
    }
  }
  return Json{{"results", std::move(results)}};
}

}  // namespace kvcache::kvtool
