#include "trace_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string_view>

#include "output.h"
#include "simulate/trace_format.h"

namespace kvcache::kvtool {

void AddTrace(CLI::App& command, std::string& trace, const std::string& name) {
  command.add_option(name, trace, "File of requests, plain, .gz or .zst; - is standard input")
      ->required();
}

void AddTraces(CLI::App& command, std::vector<std::string>& traces) {
  command.add_option("TRACE", traces, "Files of requests, plain, .gz or .zst; - is standard input")
      ->required();
}

void AddTraceFlags(CLI::App& command, TraceOptions& options) {
  command
      .add_option("--format", options.format,
                  "Format of the trace, as listed below\n(default: told by its content)")
      ->type_name("FORMAT");
  command.add_flag("--skip-bad", options.skip_bad,
                   "Leave malformed lines out and count them,\ninstead of failing");
}

std::string TraceFormatsHelp() {
  std::string text = "Trace formats:\n";
  for (const TraceFormat& format : TraceFormats()) {
    std::string_view help = format.help;
    std::string_view name = format.name;
    while (!help.empty()) {
      const std::string_view line = help.substr(0, help.find('\n'));
      help.remove_prefix(line.size() < help.size() ? line.size() + 1 : line.size());
      text += fmt::format("  {:<16}{}\n", name, line);
      name = {};
    }
  }
  return text;
}

Failure BadTrace(const Error& error) { return {ExitStatus::kFailed, error.message}; }

void TellBadLines(const TraceReader& reader) {
  TellBadLines(reader.bad_lines(), reader.first_bad_line());
}

void TellBadLines(std::uint64_t bad_lines, const std::string& first) {
  if (bad_lines == 0) return;
  Complain(fmt::format("{} malformed {} left out, the first: {}", GroupDigits(bad_lines),
                       bad_lines == 1 ? "line" : "lines", first));
}

}  // namespace kvcache::kvtool
