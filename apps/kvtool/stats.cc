#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "commands.h"
#include "kvcache/size.h"

namespace kvcache::kvtool {
namespace {

struct StatsArguments {
  bool prometheus = false;
};

bool EndsIn(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [name](auto ending) { return name.ends_with(ending); });
}

// The store tells its figures as text; scripts want numbers.
Json FigureJson(std::string_view name, const std::string& value) {
  if (!EndsIn(name, {"_bytes", "_capacity", "_keys", "_sequence"})) return value;
  return Json::parse(value);
}

std::string FigureText(std::string_view name, const std::string& value) {
  if (!EndsIn(name, {"_bytes", "_capacity"})) return Printable(value);
  const auto bytes = ParseSize(value);
  return bytes ? FormatSize(*bytes) : value;
}

Json StatsJson(Cache& cache) {
  Json json = Json::parse(cache.GetStats().ToJson());
  Json& store = json["store"] = Json::object();
  for (const auto& [name, value] : cache.store().Describe()) store[name] = FigureJson(name, value);
  return json;
}

void PrintText(Output& out, Cache& cache) {
  const auto figures = cache.store().Describe();
  std::size_t width = 0;
  for (const auto& [name, value] : figures) width = std::max(width, name.size());
  for (const auto& [name, value] : figures) {
    out.Line(fmt::format("{:<{}}  {}", name, width, FigureText(name, value)));
  }
  const Stats stats = cache.GetStats();
  out.Line(
      fmt::format("\nThe memory tier ({}, {}) is empty: it lives no longer than the process.\n"
                  "See it at work in kvtool shell or kvtool replay.",
                  stats.policy, CapacityText(stats)));
}

Outcome<ExitStatus> PrintStats(Session& session, const StatsArguments& arguments) {
  if (arguments.prometheus && session.flags().json) {
    return WrongCall("--json and --prometheus exclude each other; leave one out");
  }
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  if (session.flags().json) {
    session.out().Line(StatsJson(**cache).dump(-1, ' ', false, Json::error_handler_t::replace));
  } else if (arguments.prometheus) {
    session.out().Write((*cache)->GetStats().ToPrometheus());
  } else {
    PrintText(session.out(), **cache);
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddStats(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "stats", "Show the database's figures", PrintStats);
  command->add_flag("--prometheus", arguments->prometheus,
                    "The tier's figures in Prometheus' exposition format");
  SetExamples(*command,
              "The database's figures: keys, bytes, levels. The figures of the memory tier, which\n"
              "--json and --prometheus show too, are those of this process and so all zero; in\n"
              "kvtool shell, stats shows them at work.\n"
              "\n"
              "Examples:\n"
              "  kvtool --db shop.db stats\n"
              "  kvtool --db shop.db stats --json\n");
}

}  // namespace kvcache::kvtool
