#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "commands.h"
#include "full_batch.h"
#include "interrupts.h"
#include "kvcache/size.h"
#include "line_reader.h"
#include "pairs.h"
#include "progress.h"
#include "shell_words.h"

namespace kvcache::kvtool {
namespace {

struct LoadArguments {
  std::string file;
  std::string format = "text";
  std::uint64_t skip_lines = 0;
};

// The command that goes on after the first `stored` lines.
std::string GoOnCommand(const Flags& flags, const LoadArguments& arguments, std::uint64_t stored) {
  std::string command = "kvtool --db " + QuoteForPosixShell(flags.db);
  const auto add = [&command](std::string_view flag, const std::string& value) {
    command += fmt::format(" {} {}", flag, QuoteForPosixShell(value));
  };
  if (flags.column_family != "default") add("--column-family", flags.column_family);
  if (!flags.options_file.empty()) add("--options-file", flags.options_file);
  if (flags.hex) command += " --hex";
  if (flags.json) command += " --json";
  command += " load";
  if (arguments.format != "text") add("--format", arguments.format);
  add("--skip-lines", std::to_string(stored));
  if (arguments.file.starts_with('-') && arguments.file != "-") command += " --";
  return command + " " + QuoteForPosixShell(arguments.file);
}

class Loader {
 public:
  Loader(const Session& session, const LoadArguments& arguments, Cache& cache, LineReader& reader)
      : session_(session),
        arguments_(arguments),
        cache_(cache),
        reader_(reader),
        format_(arguments.format == "jsonl" ? PairFormat::kJsonl
                : session.flags().hex       ? PairFormat::kHex
                                            : PairFormat::kText) {}

  // Until the end of the input or an interrupt.
  Outcome<void> Run() {
    Progress progress("load", "pairs");
    progress.set_total(reader_.file_size());
    while (true) {
      const auto line = reader_.Next();
      if (!line) return Stop(line.error().message);
      if (!*line) return WriteBatch();
      if (auto taken = Take(**line); !taken) return taken;
      progress.Update({pairs_, reader_.bytes()});
    }
  }

  // What to tell a user whose load has ended before the end of the input.
  Failure Unfinished(std::string_view why) const {
    return {ExitStatus::kFailed,
            fmt::format("{}; the first {} lines are stored, go on with: {}", why, stored_lines_,
                        GoOnCommand(session_.flags(), arguments_, stored_lines_))};
  }

  std::uint64_t pairs() const { return pairs_; }

 private:
  Outcome<void> Take(std::string_view line) {
    if (++lines_ <= arguments_.skip_lines) {
      stored_lines_ = lines_;
      return {};
    }
    if (const auto parsed = ParsePairLine(format_, line, key_, value_); !parsed) {
      --lines_;
      return Stop(
          fmt::format("{}:{}: {}; mend that line", arguments_.file, lines_ + 1, parsed.error()));
    }
    batch_.Put(key_, value_);
    ++pairs_;
    return IsFull(batch_) ? WriteBatch() : Outcome<void>();
  }

  Outcome<void> WriteBatch() {
    if (batch_.empty()) return {};
    const auto written = cache_.Write(batch_, {.sync = false, .fill_tier = false});
    if (!written) return std::unexpected(Unfinished(written.error().message));
    batch_.Clear();
    stored_lines_ = lines_;
    return {};
  }

  // Ends with an error in the input, after storing all that came before it.
  Outcome<void> Stop(const std::string& what) {
    if (auto written = WriteBatch(); !written) return written;
    return std::unexpected(Unfinished(what));
  }

  const Session& session_;
  const LoadArguments& arguments_;
  Cache& cache_;
  LineReader& reader_;
  const PairFormat format_;
  Batch batch_;
  std::string key_;
  std::string value_;
  std::uint64_t lines_ = 0;         // taken or skipped
  std::uint64_t stored_lines_ = 0;  // of them in the store, or skipped
  std::uint64_t pairs_ = 0;
};

Outcome<ExitStatus> Load(Session& session, const LoadArguments& arguments) {
  Interrupts& interrupts = session.CatchInterrupts();
  const auto reader = LineReader::Open(arguments.file, interrupts);
  if (!reader) return std::unexpected(reader.error());
  const auto cache = session.Open(Access::kCreate);
  if (!cache) return std::unexpected(cache.error());
  Loader loader(session, arguments, **cache, **reader);
  if (const auto run = loader.Run(); !run) return std::unexpected(run.error());
  if (interrupts.Raised()) return std::unexpected(loader.Unfinished("interrupted"));
  const std::uint64_t bytes = (*reader)->bytes();
  session.out().Line(
      session.flags().json
          ? Json{{"pairs", loader.pairs()}, {"bytes_read", bytes}}.dump()
          : fmt::format("loaded {} pairs from {}", GroupDigits(loader.pairs()), FormatSize(bytes)));
  return ExitStatus::kDone;
}

}  // namespace

void AddLoad(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "load", "Store the pairs that a file holds", Load);
  command->add_option("FILE", arguments->file, "File to read; - is standard input")->required();
  command->add_option("--format", arguments->format, "text or jsonl")
      ->type_name("FORMAT")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "jsonl"}).description(""));
  command
      ->add_option("--skip-lines", arguments->skip_lines,
                   "Go on after so many lines that are stored already")
      ->type_name("N")
      ->check(WholeNumber(0));
  SetExamples(
      *command,
      "text: key, tab, value, a pair a line; \\t \\n \\r \\\\ stand for tab, newline, carriage\n"
      "return and backslash, as dump writes them. With --hex: 0x6B0A, tab, 0xFF.\n"
      "jsonl: {\"key\": \"k\", \"value\": \"v\"}, with {\"hex\": \"ff\"} for what is not UTF-8.\n"
      "\n"
      "Creates the database if there is none. A pair replaces the value its key had. An\n"
      "interrupt (Ctrl-C), a full disk or a malformed line ends the load with exit status\n"
      "3; what came before is stored, and the message has the command to go on with.\n"
      "\n"
      "Examples:\n"
      "  kvtool --db shop.db load users.tsv\n"
      "  zcat users.jsonl.gz | kvtool --db shop.db load --format jsonl -\n"
      "  kvtool --db shop.db load --skip-lines 4096 users.tsv\n");
}

}  // namespace kvcache::kvtool
