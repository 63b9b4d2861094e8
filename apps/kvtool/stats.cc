#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>

#include "commands.h"
#include "kvcache/size.h"

namespace kvcache::kvtool {
namespace {

struct StatsArguments {
  bool prometheus = false;
};

std::string FigureText(const StoreFigure& figure) {
  if (const auto* text = std::get_if<std::string>(&figure.value)) return Printable(*text);
  const auto number = std::get<std::uint64_t>(figure.value);
  return figure.in_bytes() ? FormatSize(number) : fmt::format("{}", number);
}

Json StatsJson(Cache& cache) {
  Json json = Json::parse(cache.GetStats().ToJson());
  Json& store = json["store"] = Json::object();
  for (const auto& [name, value] : cache.store().Describe()) {
    std::visit([&json = store[name]](const auto& figure) { json = figure; }, value);
  }
  return json;
}

void PrintText(Output& out, Cache& cache) {
  const auto figures = cache.store().Describe();
  std::size_t width = 0;
  for (const StoreFigure& figure : figures) width = std::max(width, figure.name.size());
  for (const StoreFigure& figure : figures) {
    out.Line(fmt::format("{:<{}}  {}", figure.name, width, FigureText(figure)));
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
