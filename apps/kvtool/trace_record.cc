#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "progress.h"
#include "recording.h"
#include "simulate/trace_reader.h"
#include "trace_commands.h"
#include "trace_flags.h"
#include "trace_input.h"

namespace kvcache::kvtool {
namespace {

constexpr std::uint64_t kLookupsPerCheck = 256;  // for an interrupt

struct RecordArguments {
  std::string in;
  RecordOptions record = WholeRecording();
  TraceOptions options;
};

struct LookedUp {
  std::uint64_t requests = 0;
  std::uint64_t absent = 0;
};

Outcome<LookedUp> LookUp(Session& session, Cache& cache, TraceReader& reader) {
  Progress progress("record", "requests");
  LookedUp all;
  std::string value;
  const auto look_up = [&](const TraceRequest& request) -> Outcome<void> {
    const auto found = cache.Get(request.key, value);
    if (!found) return std::unexpected(found.error());
    ++all.requests;
    if (!*found) ++all.absent;
    if (all.requests % kLookupsPerCheck == 0 && session.Interrupted()) {
      return std::unexpected(InterruptedAfter(all.requests));
    }
    return {};
  };
  const auto read = ForEachRequest(reader, progress, look_up);
  // Also if it came while more of the trace was waited for, or with its end.
  if (session.Interrupted()) return std::unexpected(InterruptedAfter(all.requests));
  if (!read) return std::unexpected(read.error());
  return all;
}

void Report(Session& session, const TraceReader& reader, const LookedUp& all,
            const RecordingStats& recorded) {
  if (session.flags().json) {
    session.out().Line(Json{{"requests", all.requests},
                            {"absent", all.absent},
                            {"recorded", recorded.requests},
                            {"bytes_written", recorded.bytes},
                            {"other_operations", reader.other_operations()},
                            {"bad_lines", reader.bad_lines()}}
                           .dump());
    return;
  }
  session.out().Line(fmt::format("looked up {} requests, {} of absent keys; recorded {}",
                                 GroupDigits(all.requests), GroupDigits(all.absent),
                                 RecordedText(recorded)));
}

Outcome<ExitStatus> RecordTrace(Session& session, const RecordArguments& arguments) {
  if (auto checked = CheckRecording(arguments.record, arguments.in); !checked) {
    return std::unexpected(checked.error());
  }
  TraceOptions options = arguments.options;
  options.hex_keys = session.flags().hex;
  options.name = NameOfInput(arguments.in);
  options.interrupt = session.CatchInterrupts().descriptor();
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  const auto reader = TraceReader::Open(arguments.in, options);
  if (!reader) return std::unexpected(reader.error());
  if (auto started = (*cache)->StartRecording(arguments.record); !started) {
    return std::unexpected(started.error());
  }
  const auto all = LookUp(session, **cache, **reader);
  // First of all: what was looked up is kept, however it ended.
  const auto recorded = (*cache)->StopRecording();
  if (!recorded) return std::unexpected(recorded.error());
  if (!all) return std::unexpected(all.error());
  TellBadLines(**reader);
  Report(session, **reader, *all, *recorded);
  return ExitStatus::kDone;
}

}  // namespace

void AddTraceRecord(CLI::App& trace, Action& action) {
  const auto [command, arguments] =
      AddCommand(trace, action, "record", "Look keys up in a database, and write a trace of that",
                 RecordTrace);
  command
      ->add_option("IN", arguments->in,
                   "Keys to look up, one a line, or a trace, plain, .gz or .zst;\n"
                   "- is standard input")
      ->required();
  command
      ->add_option("OUT", arguments->record.path,
                   "File to write, compressed if it ends in .gz or .zst")
      ->required();
  AddRecordFlags(*command, arguments->record, "--sample", "OUT");
  AddTraceFlags(*command, arguments->options);
  SetExamples(
      *command,
      "Makes a trace of a list of keys, from a log of requests say: what is looked up passes\n"
      "through the cache, and OUT has a line key,size for each lookup, the size being the\n"
      "value's in bytes, and 1 for a key that the database lacks. Keys that a line cannot hold\n"
      "are written as hex, 0x6B0A; with --hex, keys of IN that begin with 0x are read so, and\n"
      "others as they are. When it is interrupted, OUT has what was looked up.\n"
      "A service records its own lookups with Cache::StartRecording, the shell with record,\n"
      "replay with --record.\n"
      "\n" +
          TraceFormatsHelp() +
          "\n"
          "Examples:\n"
          "  kvtool --db shop.db --read-only trace record keys.txt requests.txt.zst\n"
          "  cut -f 3 access.log | kvtool --db shop.db trace record --sample 0.01 - sample.txt\n");
}

}  // namespace kvcache::kvtool
