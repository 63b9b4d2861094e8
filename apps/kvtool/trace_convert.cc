#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/compressor.h"
#include "base/hash.h"
#include "base/pages.h"
#include "flags.h"
#include "kvcache/size.h"
#include "output_file.h"
#include "progress.h"
#include "simulate/key_numbers.h"
#include "simulate/trace_reader.h"
#include "trace_commands.h"
#include "trace_flags.h"
#include "trace_input.h"
#include "trace_writer.h"

namespace kvcache::kvtool {
namespace {

constexpr std::size_t kPlainBytes = std::size_t{1} << 20;
constexpr std::uint64_t kBetweenLooks = 4096;  // requests

struct ConvertArguments {
  std::string in;
  std::string out;
  std::string to;
  bool force = false;
  TraceOptions options;
};

struct Converted {
  std::string from;
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;
  std::uint64_t other_operations = 0;
  std::uint64_t bad_lines = 0;
};

using Write = std::function<Outcome<void>(std::string_view)>;

// Calls `take` with every request of the trace, and returns its reader at its end.
template <class Take>
Outcome<std::unique_ptr<TraceReader>> ReadAll(Session& session, const TraceInput& input,
                                              Progress progress, Take take) {
  auto reader = TraceReader::Open(input.path(), input.options());
  if (!reader) return std::unexpected(reader.error());
  std::uint64_t requests = 0;
  const auto read =
      ForEachRequest(**reader, progress, [&](const TraceRequest& request) -> Outcome<void> {
        if (requests++ % kBetweenLooks == 0 && session.Interrupted()) {
          return Failed("interrupted; nothing of the output is kept");
        }
        return take(request);
      });
  // Also if it came while more of the trace was waited for.
  if (session.Interrupted()) return Failed("interrupted; nothing of the output is kept");
  if (!read) return std::unexpected(read.error());
  return std::move(*reader);
}

Outcome<NextRequests> FindNext(Session& session, const TraceInput& input) {
  NextRequests next;
  KeyNumbers keys;
  PageVector<std::int64_t> last;  // request of each key, from 1
  const auto read =
      ReadAll(session, input, Progress("look ahead", "requests"), [&](const TraceRequest& request) {
        next.push_back(-1);
        const auto number = static_cast<std::int64_t>(next.size());
        const auto [key, is_new] = keys.Number(HashKey(request.key, 0));
        if (is_new) {
          last.push_back(number);
        } else {
          next[static_cast<std::size_t>(std::exchange(last[key], number)) - 1] = number;
        }
        return Outcome<void>();
      });
  if (!read) return std::unexpected(read.error());
  return next;
}

// `out`: the name by which the output is compressed or not.
Outcome<Converted> ConvertTrace(Session& session, const TraceInput& input, const std::string& out,
                                const std::string& to, const Write& write) {
  NextRequests next;
  if (TraceWriter::NeedsNext(to)) {
    auto found = FindNext(session, input);
    if (!found) return std::unexpected(found.error());
    next = std::move(*found);
  }
  const auto writer = TraceWriter::Create(to, next);
  const auto compressor = Compressor::ForName(out);
  Converted converted;
  std::string plain;
  std::string packed;
  const auto flush = [&] {
    compressor->Add(plain, packed);
    plain.clear();
    converted.bytes += packed.size();
    auto written = write(packed);
    packed.clear();
    return written;
  };
  writer->Begin(plain);
  const bool shown = out != "-" || !session.out().terminal();
  const auto reader = ReadAll(session, input, Progress("convert", "requests", shown),
                              [&](const TraceRequest& request) {
                                ++converted.requests;
                                auto added = writer->Add(request, plain);
                                return added && plain.size() >= kPlainBytes ? flush() : added;
                              });
  if (!reader) return std::unexpected(reader.error());
  writer->Finish(plain);
  compressor->Add(std::exchange(plain, {}), packed);
  compressor->Finish(packed);
  if (auto written = flush(); !written) return std::unexpected(written.error());
  TellBadLines(**reader);
  converted.from = (*reader)->format();
  converted.other_operations = (*reader)->other_operations();
  converted.bad_lines = (*reader)->bad_lines();
  return converted;
}

void Report(Session& session, const ConvertArguments& arguments, const std::string& to,
            const Converted& converted) {
  if (session.flags().json) {
    session.out().Line(Json{{"from", converted.from},
                            {"to", to},
                            {"requests", converted.requests},
                            {"bytes_written", converted.bytes},
                            {"other_operations", converted.other_operations},
                            {"bad_lines", converted.bad_lines}}
                           .dump());
    return;
  }
  session.out().Line(fmt::format("converted {} requests from {} to {}: {}, {}",
                                 GroupDigits(converted.requests), converted.from, to,
                                 Printable(arguments.out), FormatSize(converted.bytes)));
  if (converted.other_operations > 0) {
    session.out().Line(fmt::format("left out: {} lines of other operations than reads",
                                   GroupDigits(converted.other_operations)));
  }
}

// With a file to write, interrupts are caught.
Outcome<TraceInput> OpenInput(Session& session, const ConvertArguments& arguments,
                              const std::string& to) {
  const bool catches = arguments.out != "-";
  if (TraceWriter::NeedsNext(to)) {
    auto input = TraceInput::Open(arguments.in, arguments.options);
    if (catches) session.CatchInterrupts();
    return input;
  }
  TraceOptions options = arguments.options;
  if (catches) options.interrupt = session.CatchInterrupts().descriptor();
  return TraceInput::ReadOnce(arguments.in, options);
}

Outcome<ExitStatus> Convert(Session& session, const ConvertArguments& arguments) {
  if (session.flags().json && arguments.out == "-") {
    return WrongCall("--json and OUT - both want standard output; name a file");
  }
  const std::string to =
      arguments.to.empty() ? TraceWriter::FormatOfName(arguments.out) : arguments.to;
  const auto input = OpenInput(session, arguments, to);
  if (!input) return std::unexpected(input.error());
  if (arguments.out == "-") {
    const auto converted =
        ConvertTrace(session, *input, arguments.out, to, [&session](std::string_view bytes) {
          session.out().Write(bytes);
          return session.out().Flush();
        });
    if (!converted) return std::unexpected(converted.error());
    return ExitStatus::kDone;
  }
  const auto file = OutputFile::Create(arguments.out, arguments.force);
  if (!file) return std::unexpected(file.error());
  const auto converted =
      ConvertTrace(session, *input, arguments.out, to,
                   [&file](std::string_view bytes) { return (*file)->Write(bytes); });
  if (!converted) return std::unexpected(converted.error());
  if (auto committed = (*file)->Commit(); !committed) return std::unexpected(committed.error());
  Report(session, arguments, to, *converted);
  return ExitStatus::kDone;
}

}  // namespace

void AddTraceConvert(CLI::App& trace, Action& action) {
  const auto [command, arguments] =
      AddCommand(trace, action, "convert", "Write a trace in another format", Convert);
  AddTrace(*command, arguments->in, "IN");
  command
      ->add_option("OUT", arguments->out,
                   "File to write, compressed if it ends in .gz or .zst;\n- is standard output")
      ->required();
  AddTraceFlags(*command, arguments->options);
  command
      ->add_option("--to", arguments->to,
                   "text, csv, oracle-general or lis (default: by OUT's name,\n.csv, .lis or "
                   ".oracleGeneral, else text)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember(TraceWriter::Formats()).description(""));
  command->add_flag("--force", arguments->force, "Replace OUT if it exists");
  RefuseDatabaseFlags(*command);
  SetExamples(
      *command,
      "Reads are kept, writes and deletions left out. OUT appears when it is complete. What\n"
      "the new format has no room for is lost: text has no times, lis neither sizes nor\n"
      "times. In oracle-general a key that is no number below 2^64 becomes its 64-bit hash\n"
      "(XXH3), and an object of unknown size one of 1 byte; converting to it reads IN twice\n"
      "and takes 8 bytes of memory for each request and 22 to 26 for each key.\n"
      "\n" +
          TraceFormatsHelp() +
          "\n"
          "Examples:\n"
          "  kvtool trace convert requests.csv.gz requests.txt.zst\n"
          "  kvtool trace convert requests.txt requests.oracleGeneral.zst\n"
          "  zcat P1.lis.gz | kvtool trace convert --to csv - - | head\n");
}

}  // namespace kvcache::kvtool
