// Flags that stand before or after a command's name: of every command, or about the database.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "kvcache/options.h"
#include "kvcache/stats.h"
#include "outcome.h"

namespace kvcache::kvtool {

struct Flags {
  std::string db;
  std::string capacity = "64MiB";
  std::string policy = Options{}.policy;
  bool json = false;
  bool hex = false;
  bool read_only = false;
  std::string secondary;
  std::string column_family = "default";
  std::string options_file;
};

void AddGlobalFlags(CLI::App& app, Flags& flags);
// Of a command that opens no database: there the flags about one do nothing, and are refused. All
// but `heeded`, if it has one of them a meaning.
void RefuseDatabaseFlags(CLI::App& command, const std::string& heeded = "");

// "64MiB", or "1000entries" for that many entries of any size.
struct Capacity {
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;  // 0: `bytes` counts
};
Outcome<Capacity> ParseCapacity(std::string_view text);

// The capacity in force: "64.0 MiB", "1000 entries".
std::string CapacityText(const Stats& stats);

// Every registered policy and its parameters, a line each, for help.
std::string PoliciesHelp();

}  // namespace kvcache::kvtool
