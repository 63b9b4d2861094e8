#include "flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "base/printable.h"
#include "kvcache/policy.h"
#include "kvcache/size.h"

namespace kvcache::kvtool {
namespace {

constexpr const char* kDatabase = "Flags of commands that open a database";
constexpr std::string_view kEntries = "entries";

}  // namespace

void AddGlobalFlags(CLI::App& app, Flags& flags) {
  app.add_flag("--json", flags.json, "One JSON document on standard output, nothing else there")
      ->group("Flags of every command");
  const auto option = [&app](const char* name, std::string& value, const char* type,
                             const char* help) {
    return app.add_option(name, value, help)->type_name(type)->group(kDatabase);
  };
  const auto flag = [&app](const char* name, bool& value, const char* help) {
    app.add_flag(name, value, help)->group(kDatabase);
  };
  option("--db", flags.db, "DIR", "Directory of the RocksDB database");
  option("--capacity", flags.capacity, "SIZE", "Of the memory tier: 64MiB, 1.5GiB, 1000entries")
      ->capture_default_str();
  option("--policy", flags.policy, "NAME[:k=v,...]", "Eviction policy and its parameters")
      ->capture_default_str();
  flag("--hex", flags.hex, "Keys and values are given and printed as hex: 0x6B0A");
  flag("--read-only", flags.read_only, "Only read; works beside a running service");
  option("--secondary", flags.secondary, "DIR",
         "Only read, following a running service; DIR is for a log of our own");
  option("--column-family", flags.column_family, "NAME", "Column family to use");
  option("--options-file", flags.options_file, "FILE", "RocksDB OPTIONS file to open with");
}

void RefuseDatabaseFlags(CLI::App& command, const std::string& heeded) {
  command.parse_complete_callback([&command, heeded] {
    const CLI::App* root = &command;
    while (root->get_parent() != nullptr) root = root->get_parent();
    for (const CLI::Option* option : root->get_options()) {
      const std::string name = option->get_name();
      if (option->get_group() != kDatabase || option->count() == 0 || name == heeded) continue;
      throw CLI::ValidationError(
          fmt::format("{}: {} opens no database; leave the flag out", name, command.get_name()));
    }
  });
}

Outcome<Capacity> ParseCapacity(std::string_view text) {
  if (!text.ends_with(kEntries)) {
    const auto bytes = ParseSize(text);
    if (bytes) return Capacity{.bytes = *bytes, .entries = 0};
    return WrongCall(bytes.error().message + ", or 1000entries for a number of entries");
  }
  const std::string_view number = text.substr(0, text.size() - kEntries.size());
  std::uint64_t entries = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), entries);
  if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size()) {
    return WrongCall(
        fmt::format("{} is not a number of entries; write 1000entries", Excerpt(text)));
  }
  return Capacity{.bytes = 0, .entries = entries};
}

std::string CapacityText(const Stats& stats) {
  return stats.capacity_in_entries ? fmt::format("{} entries", stats.capacity)
                                   : FormatSize(stats.capacity);
}

std::string PoliciesHelp() {
  std::string text;
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    text += fmt::format("  {:<18}{}\n", policy.name, policy.help);
    for (const PolicyParameter& parameter : policy.parameters) {
      text += fmt::format("    {:<16}{} ({:g} to {:g})\n",
                          fmt::format("{}={:g}", parameter.name, parameter.value), parameter.help,
                          parameter.least, parameter.most);
    }
  }
  return text;
}

}  // namespace kvcache::kvtool
