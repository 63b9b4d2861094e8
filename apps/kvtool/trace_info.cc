#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/pages.h"
#include "flags.h"
#include "kvcache/size.h"
#include "progress.h"
#include "simulate/key_numbers.h"
#include "simulate/trace_reader.h"
#include "trace_commands.h"
#include "trace_flags.h"

namespace kvcache::kvtool {
namespace {

struct InfoArguments {
  std::vector<std::string> traces;
  TraceOptions options;
};

struct Sizes {
  std::uint64_t min = 0;
  std::uint64_t median = 0;
  double mean = 0;
  std::uint64_t max = 0;
};

struct TraceInfo {
  std::string format;
  std::uint64_t requests = 0;
  std::uint64_t requests_without_size = 0;
  std::uint64_t keys = 0;
  std::uint64_t keys_seen_once = 0;
  std::uint64_t bytes = 0;         // of all requests
  std::uint64_t unique_bytes = 0;  // of each key once
  std::optional<Sizes> sizes;      // of the keys' objects
  std::optional<double> first_time;
  std::optional<double> last_time;
  double top_1_percent = 0;  // share of requests that go to the most frequent keys
  double top_10_percent = 0;
  std::uint64_t other_operations = 0;
  std::uint64_t bad_lines = 0;
  std::string first_bad_line;
};

struct KeyFacts {
  std::uint64_t requests = 0;
  std::uint64_t size = 0;  // as first told, 0 if never
};

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Sizes are whatever a trace says.
std::uint64_t SumOrMost(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  return b > kMost - a ? kMost : a + b;
}

class InfoTaker {
 public:
  void Take(const TraceRequest& request) {
    ++info_.requests;
    KeyFacts& facts = FactsOf(HashKey(request.key, 0));
    ++facts.requests;
    if (request.has_size) {
      info_.bytes = SumOrMost(info_.bytes, request.size);
      if (facts.size == 0) facts.size = request.size;
    } else {
      ++info_.requests_without_size;
    }
    if (request.has_time) {
      info_.first_time = std::min(info_.first_time.value_or(request.time), request.time);
      info_.last_time = std::max(info_.last_time.value_or(request.time), request.time);
    }
  }

  TraceInfo Finish() {
    info_.keys = facts_.size();
    CountSizes();
    CountRequests();
    return std::move(info_);
  }

 private:
  // Valid until the next call.
  KeyFacts& FactsOf(std::uint64_t hash) {
    const auto [key, is_new] = keys_.Number(hash);
    if (is_new) facts_.push_back({});
    return facts_[key];
  }

  void CountSizes() {
    std::vector<std::uint64_t> sizes;
    sizes.reserve(info_.keys);
    for (std::size_t key = 0; key < facts_.size(); ++key) {
      if (facts_[key].size > 0) sizes.push_back(facts_[key].size);
    }
    if (sizes.empty()) return;
    info_.unique_bytes = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}, SumOrMost);
    const auto [min, max] = std::ranges::minmax(sizes);
    const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>((sizes.size() - 1) / 2);
    std::ranges::nth_element(sizes, middle);
    info_.sizes = {
        .min = min, .median = *middle, .mean = Share(info_.unique_bytes, sizes.size()), .max = max};
  }

  void CountRequests() {
    std::vector<std::uint64_t> counts;
    counts.reserve(info_.keys);
    for (std::size_t key = 0; key < facts_.size(); ++key) counts.push_back(facts_[key].requests);
    info_.keys_seen_once = static_cast<std::uint64_t>(std::ranges::count(counts, 1));
    std::ranges::sort(counts, std::greater());
    const auto top = [&](std::uint64_t percent) {
      const std::uint64_t keys = (counts.size() * percent + 99) / 100;
      const auto end = counts.begin() + static_cast<std::ptrdiff_t>(keys);
      return Share(std::accumulate(counts.begin(), end, std::uint64_t{0}), info_.requests);
    };
    info_.top_1_percent = top(1);
    info_.top_10_percent = top(10);
  }

  TraceInfo info_;
  KeyNumbers keys_;
  PageVector<KeyFacts> facts_;  // by number
};

Outcome<TraceInfo> ReadInfo(const std::string& trace, const TraceOptions& options) {
  const auto reader = TraceReader::Open(trace, options);
  if (!reader) return std::unexpected(reader.error());
  Progress progress("read", "requests");
  InfoTaker taker;
  const auto read = ForEachRequest(**reader, progress, [&taker](const TraceRequest& request) {
    taker.Take(request);
    return Outcome<void>();
  });
  if (!read) return std::unexpected(read.error());
  TraceInfo info = taker.Finish();
  info.format = (*reader)->format();
  info.other_operations = (*reader)->other_operations();
  info.bad_lines = (*reader)->bad_lines();
  info.first_bad_line = (*reader)->first_bad_line();
  return info;
}

Json ToJson(const std::string& trace, const TraceInfo& info) {
  Json json{{"trace", trace},
            {"format", info.format},
            {"requests", info.requests},
            {"unique_keys", info.keys},
            {"keys_seen_once", info.keys_seen_once},
            {"seen_once_share", Share(info.keys_seen_once, info.keys)},
            {"top_1_percent_share", info.top_1_percent},
            {"top_10_percent_share", info.top_10_percent},
            {"total_bytes", nullptr},
            {"unique_bytes", nullptr},
            {"size", nullptr},
            {"requests_without_size", info.requests_without_size},
            {"time_span", nullptr},
            {"other_operations", info.other_operations},
            {"bad_lines", info.bad_lines},
            {"first_bad_line", nullptr}};
  if (info.sizes) {
    json["total_bytes"] = info.bytes;
    json["unique_bytes"] = info.unique_bytes;
    json["size"] = Json{{"min", info.sizes->min},
                        {"median", info.sizes->median},
                        {"mean", info.sizes->mean},
                        {"max", info.sizes->max}};
  }
  if (info.first_time) json["time_span"] = *info.last_time - *info.first_time;
  if (info.bad_lines > 0) json["first_bad_line"] = info.first_bad_line;
  return json;
}

void PrintText(Output& out, const std::string& trace, const TraceInfo& info) {
  const auto row = [&out](std::string_view name, const std::string& value) {
    out.Line(fmt::format("{:<20}{}", name, value));
  };
  const auto percent = [](double share) { return fmt::format("{:.1f} %", 100 * share); };
  row("trace", Printable(trace));
  row("format", info.format);
  row("requests", GroupDigits(info.requests));
  row("unique keys", GroupDigits(info.keys));
  row("seen once", fmt::format("{} of the keys", percent(Share(info.keys_seen_once, info.keys))));
  row("top 1 % of keys", fmt::format("{} of the requests", percent(info.top_1_percent)));
  row("top 10 % of keys", fmt::format("{} of the requests", percent(info.top_10_percent)));
  if (info.sizes) {
    const Sizes& sizes = *info.sizes;
    row("bytes requested", FormatSize(info.bytes));
    row("bytes of all keys", FormatSize(info.unique_bytes));
    row("size of an object", fmt::format("min {}, median {}, mean {:.1f}, max {} bytes", sizes.min,
                                         sizes.median, sizes.mean, sizes.max));
    if (info.requests_without_size > 0) {
      row("without a size", GroupDigits(info.requests_without_size) + " requests");
    }
  } else {
    row("sizes", "none");
  }
  if (info.first_time) {
    row("time", fmt::format("{} from first to last", *info.last_time - *info.first_time));
  }
  if (info.other_operations > 0) row("other operations", GroupDigits(info.other_operations));
  if (info.bad_lines > 0) {
    row("malformed lines", GroupDigits(info.bad_lines));
    row("the first of them", Printable(info.first_bad_line));
  }
}

Outcome<ExitStatus> Info(Session& session, const InfoArguments& arguments) {
  Json traces = Json::array();
  for (const std::string& trace : arguments.traces) {
    const auto info = ReadInfo(trace, arguments.options);
    if (!info) return std::unexpected(info.error());
    if (session.flags().json) {
      traces.push_back(ToJson(trace, *info));
    } else {
      if (&trace != &arguments.traces.front()) session.out().Line("");
      PrintText(session.out(), trace, *info);
    }
  }
  if (session.flags().json) {
    session.out().Line(
        Json{{"traces", traces}}.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddTraceInfo(CLI::App& trace, Action& action) {
  const auto [command, arguments] =
      AddCommand(trace, action, "info", "Requests, keys, sizes and skew of traces", Info);
  AddTraces(*command, arguments->traces);
  AddTraceFlags(*command, arguments->options);
  RefuseDatabaseFlags(*command);
  SetExamples(
      *command,
      "Reads count as requests; writes, deletions and the like are told as other operations.\n"
      "Where an object's size changes, the first one is its size. Memory: 30 to 36 bytes for\n"
      "each key of the trace, and 8 more at the end.\n"
      "\n" +
          TraceFormatsHelp() +
          "\n"
          "Examples:\n"
          "  kvtool trace info requests.txt.zst\n"
          "  kvtool trace info --json monday.csv tuesday.csv\n"
          "  kvtool trace info --format csv:key=url,size=length,op= access.csv.gz\n");
}

}  // namespace kvcache::kvtool
