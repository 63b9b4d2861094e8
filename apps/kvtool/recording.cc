#include "recording.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <system_error>

#include "bytes.h"
#include "kvcache/size.h"
#include "progress.h"

namespace kvcache::kvtool {

void AddRecordFlags(CLI::App& command, RecordOptions& options, const std::string& sample,
                    const std::string& file) {
  command.add_option(sample, options.sample, "Share of the keys to record, all requests of each")
      ->type_name("R")
      ->capture_default_str();
  command.add_flag("--force", options.replace, "Replace " + file + " if it exists");
}

Outcome<void> StartRecording(Cache& cache, const RecordOptions& options) {
  std::error_code ignored;
  if (!options.replace && std::filesystem::is_regular_file(options.path, ignored)) {
    return WrongCall(fmt::format("{} exists; replace it with --force, or choose another name",
                                 Printable(options.path)));
  }
  if (auto started = cache.StartRecording(options); !started) {
    return std::unexpected(started.error());
  }
  return {};
}

std::string RecordedText(const RecordingStats& recorded) {
  std::string requests = fmt::format("{} {}", GroupDigits(recorded.requests),
                                     recorded.requests == 1 ? "request" : "requests");
  if (recorded.active) return requests;  // the file is behind
  return fmt::format("{}, {}", requests, FormatSize(recorded.bytes));
}

}  // namespace kvcache::kvtool
