// The commands that only the shell has.
#pragma once

#include "command_line.h"
#include "kvcache/stats.h"

namespace kvcache::kvtool {

struct ShellState {
  Stats previous;  // as the last `stats` saw them
  bool quit = false;
};

// stats (of the tier at work), policy, capacity, record, invalidate, catchup, help, quit.
void AddShellCommands(CLI::App& app, Action& action, ShellState& state);

}  // namespace kvcache::kvtool
