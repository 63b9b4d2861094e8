// What commands that read traces have in common.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/error.h"
#include "outcome.h"
#include "progress.h"
#include "simulate/trace_reader.h"

namespace kvcache::kvtool {

// The trace, or traces, that a command reads; `name` in its help.
void AddTrace(CLI::App& command, std::string& trace, const std::string& name = "TRACE");
void AddTraces(CLI::App& command, std::vector<std::string>& traces);

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

// Calls `take` with every request that is left in a trace, until one of the two fails.
template <class Take>
Outcome<void> ForEachRequest(TraceReader& reader, Progress& progress, Take&& take) {
  constexpr std::uint64_t kBetweenUpdates = 1024;
  TraceRequest request;
  for (std::uint64_t taken = 0;; ++taken) {
    const auto more = reader.Next(request);
    if (!more) return std::unexpected(BadTrace(more.error()));
    if (!*more) return {};
    Outcome<void> outcome = take(request);
    if (!outcome) return outcome;
    if (taken % kBetweenUpdates == 0) progress.Update({taken + 1, std::nullopt});
  }
}

}  // namespace kvcache::kvtool
