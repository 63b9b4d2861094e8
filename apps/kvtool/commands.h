// The commands: one file each.
#pragma once

#include "command_line.h"

namespace kvcache::kvtool {

// Each adds its command to `app`; parsing it sets `action`, which must outlive `app`.
void AddPut(CLI::App& app, Action& action);
void AddGet(CLI::App& app, Action& action);
void AddDelete(CLI::App& app, Action& action);
void AddHas(CLI::App& app, Action& action);
void AddScan(CLI::App& app, Action& action);
void AddLoad(CLI::App& app, Action& action);
void AddDump(CLI::App& app, Action& action);
void AddStats(CLI::App& app, Action& action);
void AddShell(CLI::App& app, Action& action);
void AddReplay(CLI::App& app, Action& action);
void AddTrace(CLI::App& app, Action& action);
void AddSimulate(CLI::App& app, Action& action);
void AddCurve(CLI::App& app, Action& action);
void AddAdvise(CLI::App& app, Action& action);
void AddBench(CLI::App& app, Action& action);

}  // namespace kvcache::kvtool
