// What commands that record have in common.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "kvcache/options.h"
#include "kvcache/stats.h"
#include "outcome.h"

namespace kvcache::kvtool {

// --sample, or another name for it, and --force, for the file that `file` names.
void AddRecordFlags(CLI::App& command, RecordOptions& options, const std::string& sample,
                    const std::string& file);

// All keys, and lookups wait for the disk: who records here wants the whole of it.
inline RecordOptions WholeRecording() {
  return {.path = {}, .sample = 1, .replace = false, .wait = true};
}

// To be called before anything is made or changed: refuses what is no file's name, a file that
// exists, unless it may be replaced, and the one that is read always. `input` "-": standard input.
Outcome<void> CheckRecording(const RecordOptions& options, const std::string& input);

// How a recording ends that a signal has ended, after so many lookups.
Failure InterruptedAfter(std::uint64_t requests);

// "20,000 requests, 31.2 KiB"
std::string RecordedText(const RecordingStats& recorded);

}  // namespace kvcache::kvtool
