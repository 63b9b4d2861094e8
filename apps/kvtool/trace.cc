#include <CLI/CLI.hpp>

#include "commands.h"
#include "trace_commands.h"

namespace kvcache::kvtool {

void AddTrace(CLI::App& app, Action& action) {
  CLI::App* trace = app.add_subcommand("trace", "What a trace is like; convert it; record one")
                        ->group("Commands");
  trace->require_subcommand(1);
  AddTraceInfo(*trace, action);
  AddTraceConvert(*trace, action);
  AddTraceRecord(*trace, action);
  SetExamples(
      *trace,
      "A trace is a recorded sequence of requests, and of these the reads count. It may be\n"
      "compressed with gzip or zstd; - is standard input.\n"
      "\n"
      "Examples:\n"
      "  kvtool trace info requests.csv.gz\n"
      "  kvtool trace convert requests.csv.gz requests.txt.zst\n"
      "  kvtool --db shop.db trace record keys.txt requests.txt.zst\n"
      "\n"
      "kvtool trace info --help lists the formats that are read.\n");
}

}  // namespace kvcache::kvtool
