// What commands that read traces have in common.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "kvcache/error.h"
#include "outcome.h"
#include "simulate/trace_reader.h"

namespace kvcache::kvtool {

// --format and --skip-bad.
void AddTraceFlags(CLI::App& command, TraceOptions& options);

// A list of the formats, for a command's help.
std::string TraceFormatsHelp();

// How a failure of TraceReader::Next ends a command: whatever is wrong with a trace, it is a file
// that failed, not the call. (Of TraceReader::Open, errors are what they say: a format that there
// is not is a wrong call.)
Failure BadTrace(const Error& error);

// What was left out, as a message on standard error; none if nothing was.
void TellBadLines(const TraceReader& reader);
void TellBadLines(std::uint64_t bad_lines, const std::string& first);

}  // namespace kvcache::kvtool
