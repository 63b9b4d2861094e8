#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "commands.h"
#include "kvcache/size.h"
#include "output_file.h"
#include "pairs.h"
#include "progress.h"

namespace kvcache::kvtool {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

struct DumpArguments {
  std::string file;
  std::string format = "text";
  bool force = false;
};

struct Dumped {
  std::uint64_t pairs = 0;
  std::uint64_t bytes = 0;
};

// Gives `write` the whole database, a buffer of lines at a time.
Outcome<Dumped> WriteAll(Session& session, Cache& cache, PairFormat format, Progress progress,
                         const std::function<Outcome<void>(std::string_view)>& write) {
  Dumped dumped;
  std::string lines;
  Outcome<void> written;
  const auto flush = [&] {
    written = write(lines);
    dumped.bytes += lines.size();
    lines.clear();
    return written.has_value() && !session.Interrupted();
  };
  const auto scanned = cache.Scan({}, [&](std::string_view key, std::string_view value) {
    AppendPairLine(format, session.flags().hex, key, value, lines);
    progress.Update({++dumped.pairs, dumped.bytes + lines.size()});
    return lines.size() < kBufferBytes || flush();
  });
  if (!scanned) return std::unexpected(scanned.error());
  if (written) flush();
  if (!written) return std::unexpected(written.error());
  if (session.Interrupted()) return Failed("interrupted; nothing of the dump is kept");
  return dumped;
}

PairFormat Format(const Session& session, const DumpArguments& arguments) {
  if (arguments.format == "jsonl") return PairFormat::kJsonl;
  return session.flags().hex ? PairFormat::kHex : PairFormat::kText;
}

Outcome<ExitStatus> DumpToStandardOutput(Session& session, const DumpArguments& arguments) {
  if (session.flags().json) {
    return WrongCall(
        "--json and dump - both want standard output; for JSON lines, give --format jsonl");
  }
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  const auto dumped = WriteAll(session, **cache, Format(session, arguments),
                               Progress("dump", "pairs", !session.out().terminal()),
                               [&session](std::string_view lines) {
                                 session.out().Write(lines);
                                 return session.out().Flush();
                               });
  if (!dumped) return std::unexpected(dumped.error());
  return ExitStatus::kDone;
}

Outcome<ExitStatus> DumpToFile(Session& session, const DumpArguments& arguments) {
  session.CatchInterrupts();
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  const auto file = OutputFile::Create(arguments.file, arguments.force);
  if (!file) return std::unexpected(file.error());
  const auto dumped =
      WriteAll(session, **cache, Format(session, arguments), Progress("dump", "pairs"),
               [&file](std::string_view lines) { return (*file)->Write(lines); });
  if (!dumped) return std::unexpected(dumped.error());
  if (auto committed = (*file)->Commit(); !committed) return std::unexpected(committed.error());
  session.out().Line(session.flags().json
                         ? Json{{"pairs", dumped->pairs}, {"bytes_written", dumped->bytes}}.dump()
                         : fmt::format("dumped {} pairs, {}, to {}", GroupDigits(dumped->pairs),
                                       FormatSize(dumped->bytes), arguments.file));
  return ExitStatus::kDone;
}

Outcome<ExitStatus> Dump(Session& session, const DumpArguments& arguments) {
  return arguments.file == "-" ? DumpToStandardOutput(session, arguments)
                               : DumpToFile(session, arguments);
}

}  // namespace

void AddDump(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "dump", "Write all pairs to a file, in order", Dump);
  command->add_option("FILE", arguments->file, "File to write; - is standard output")->required();
  command->add_option("--format", arguments->format, "text or jsonl")
      ->type_name("FORMAT")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "jsonl"}).description(""));
  command->add_flag("--force", arguments->force, "Replace FILE if it exists");
  SetExamples(
      *command,
      "Writes the formats that load reads: see kvtool load --help. The dump is a snapshot\n"
      "of the database. FILE appears when it is complete: an interrupted dump leaves none,\n"
      "and an older FILE as it was.\n"
      "\n"
      "Examples:\n"
      "  kvtool --db shop.db dump shop.tsv\n"
      "  kvtool --db shop.db dump --format jsonl - | gzip > shop.jsonl.gz\n"
      "  kvtool --db shop.db --read-only dump --force shop.tsv\n");
}

}  // namespace kvcache::kvtool
