// The commands of `kvtool trace`: one file each.
#pragma once

#include "command_line.h"

namespace kvcache::kvtool {

void AddTraceInfo(CLI::App& trace, Action& action);
void AddTraceConvert(CLI::App& trace, Action& action);
void AddTraceRecord(CLI::App& trace, Action& action);

}  // namespace kvcache::kvtool
