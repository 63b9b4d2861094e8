// What commands that record have in common.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "kvcache/cache.h"
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

// Refuses a file that exists by the flag's name.
Outcome<void> StartRecording(Cache& cache, const RecordOptions& options);

// "20,000 requests, 31.2 KiB"
std::string RecordedText(const RecordingStats& recorded);

}  // namespace kvcache::kvtool
