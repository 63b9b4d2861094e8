#include "recording.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "bytes.h"
#include "kvcache/size.h"
#include "progress.h"

namespace kvcache::kvtool {
namespace {

// Of --sample's text, before anything is opened or made for it.
std::string CheckSample(const std::string& text) {
  double sample = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), sample);
  const bool number = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (number && RecordOptions{.path = "any", .sample = sample}.Validate()) return "";
  return fmt::format("{} is not a share of the keys, above 0 and up to 1", Excerpt(text));
}

bool IsSameFile(const std::string& file, const std::string& other) {
  std::error_code ignored;  // not there, say
  return std::filesystem::is_regular_file(file, ignored) &&
         std::filesystem::equivalent(file, other, ignored);
}

}  // namespace

void AddRecordFlags(CLI::App& command, RecordOptions& options, const std::string& sample,
                    const std::string& file) {
  command.add_option(sample, options.sample, "Share of the keys to record, all requests of each")
      ->type_name("R")
      ->check(CheckSample)
      ->capture_default_str();
  command.add_flag("--force", options.replace, "Replace " + file + " if it exists");
}

Outcome<void> CheckRecording(const RecordOptions& options, const std::string& input) {
  if (options.path == "-") {
    return WrongCall("a recording cannot go to standard output; name a file");
  }
  if (IsSameFile(options.path, input == "-" ? "/dev/stdin" : input)) {
    return WrongCall(
        fmt::format("{} is what is read, which recording into it would destroy; choose "
                    "another name",
                    Printable(options.path)));
  }
  std::error_code ignored;
  if (!options.replace && std::filesystem::is_regular_file(options.path, ignored)) {
    return WrongCall(fmt::format("{} exists; replace it with --force, or choose another name",
                                 Printable(options.path)));
  }
  return {};
}

Failure InterruptedAfter(std::uint64_t requests) {
  return {ExitStatus::kFailed,
          fmt::format("interrupted; what was looked up is recorded, {} requests",
                      GroupDigits(requests))};
}

std::string RecordedText(const RecordingStats& recorded) {
  std::string requests = fmt::format("{} {}", GroupDigits(recorded.requests),
                                     recorded.requests == 1 ? "request" : "requests");
  if (recorded.active) return requests;  // the file is behind
  return fmt::format("{}, {}", requests, FormatSize(recorded.bytes));
}

}  // namespace kvcache::kvtool
