#include "report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <string_view>
#include <utility>

#include "bytes.h"
#include "output_file.h"
#include "report_page.h"
#include "shell_words.h"
#include "simulation_flags.h"
#include "trace_input.h"

namespace kvcache::kvtool {
namespace {

// Where the page's data go.
constexpr std::string_view kPlaceholder = "{\"placeholder\": true}";

constexpr std::string_view kOptHelp =
    "Belady’s rule: what is asked for again furthest in the future leaves. It knows the future, so "
    "no cache can be it; where all objects have one size, no policy does better.";
constexpr std::string_view kOptBoundHelp =
    "A bound (PFOO-L), not a cache: no policy does better, whatever the sizes of the objects, and "
    "perhaps none does as well.";

std::string CommandLine(const std::vector<std::string>& arguments) {
  std::string line = "kvtool";
  for (const std::string& argument : arguments) line += " " + QuoteForPosixShell(argument);
  return line;
}

Json PolicyJson(const RatioCurve& curve) {
  Json json{{"name", curve.policy}, {"reference", !curve.spec}};
  if (!curve.spec) {
    json["help"] = curve.policy == "opt" ? kOptHelp : kOptBoundHelp;
    return json;
  }
  json["definition"] = curve.spec->ToString();
  json["help"] = curve.spec->info.help;
  json["parameters"] = Json::array();
  for (std::size_t i = 0; i < curve.spec->values.size(); ++i) {
    const PolicyParameter& parameter = curve.spec->info.parameters[i];
    json["parameters"].push_back(
        {{"name", parameter.name}, {"value", curve.spec->values[i]}, {"help", parameter.help}});
  }
  return json;
}

Json TraceJson(const RatioCurves& trace) {
  Json json{{"name", NameOfInput(trace.trace)},
            {"requests", trace.requests},
            {"keys", trace.keys},
            {"bytes", trace.has_sizes ? Json(trace.bytes) : Json(nullptr)},
            {"curves", Json::array()}};
  for (const RatioCurve& curve : trace.curves) {
    Json points = Json::array();
    for (const RatioPoint& point : curve.points) {
      points.push_back({{"size", point.size},
                        {"given", point.size_text},
                        {"requests", point.miss_ratio},
                        {"bytes", point.byte_miss_ratio}});
    }
    json["curves"].push_back(std::move(points));
  }
  return json;
}

// A page's data end at the first "</script", and "<!--" begins a comment: no '<' is left. Names of
// files may be no UTF-8, which the page is.
std::string ForScriptElement(const Json& json) {
  std::string text;
  for (const char c : json.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

Outcome<void> CheckReport(const std::string& path) {
  if (path.ends_with(".html") || path.ends_with(".htm")) return {};
  return WrongCall(
      fmt::format("{} does not end in .html, as the name of a report must", Printable(path)));
}

Outcome<void> WriteReport(const std::vector<RatioCurves>& traces, SizeUnit unit,
                          const std::vector<std::string>& arguments, const std::string& path,
                          bool force) {
  if (auto named = CheckReport(path); !named) return named;
  Json json{{"command", CommandLine(arguments)},
            {"version", KVTOOL_VERSION},
            {"date", fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)))},
            {"unit", UnitName(unit)},
            {"policies", Json::array()},
            {"traces", Json::array()}};
  if (!traces.empty()) {
    for (const RatioCurve& curve : traces.front().curves) {
      json["policies"].push_back(PolicyJson(curve));
    }
  }
  for (const RatioCurves& trace : traces) json["traces"].push_back(TraceJson(trace));
  std::string page(kReportPage);
  page.replace(page.find(kPlaceholder), kPlaceholder.size(), ForScriptElement(json));
  auto file = OutputFile::Create(path, force);
  if (!file) return std::unexpected(file.error());
  if (auto written = (*file)->Write(page); !written) return written;
  return (*file)->Commit();
}

}  // namespace kvcache::kvtool
