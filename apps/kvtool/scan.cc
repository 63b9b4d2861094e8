#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "commands.h"

namespace kvcache::kvtool {
namespace {

// Pairs between two looks for an interrupt, each of which costs a system call.
constexpr std::size_t kInterruptInterval = 1024;

struct ScanArguments {
  std::optional<std::string> prefix;
  std::optional<std::string> from;
  std::optional<std::string> to;
  std::size_t limit = 0;
  bool reverse = false;
  bool keys_only = false;
};

Outcome<std::optional<std::string>> DecodeBound(const Session& session,
                                                const std::optional<std::string>& argument) {
  if (!argument) return std::nullopt;
  auto bytes = session.Decode(*argument);
  if (!bytes) return std::unexpected(bytes.error());
  return *std::move(bytes);
}

Outcome<ScanOptions> MakeScanOptions(const Session& session, const ScanArguments& arguments) {
  const auto prefix = DecodeBound(session, arguments.prefix);
  if (!prefix) return std::unexpected(prefix.error());
  const auto from = DecodeBound(session, arguments.from);
  if (!from) return std::unexpected(from.error());
  const auto to = DecodeBound(session, arguments.to);
  if (!to) return std::unexpected(to.error());
  return ScanOptions{.range = {.from = *from, .to = *to},
                     .prefix = *prefix,
                     .limit = arguments.limit,
                     .reverse = arguments.reverse};
}

void PrintTextPair(Session& session, std::string_view key, std::string_view value, bool keys_only) {
  Output& out = session.out();
  out.Write(session.Encode(key));
  if (!keys_only) {
    out.Write("\t");
    out.Write(session.Encode(value));
  }
  out.Write("\n");
}

void PrintJsonPair(Session& session, std::string_view key, std::string_view value, bool keys_only) {
  Json entry{{"key", session.EncodeJson(key)}};
  if (!keys_only) entry["value"] = session.EncodeJson(value);
  session.out().Write(entry.dump());
}

Outcome<ExitStatus> Scan(Session& session, const ScanArguments& arguments) {
  const auto options = MakeScanOptions(session, arguments);
  if (!options) return std::unexpected(options.error());
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  const bool json = session.flags().json;
  Output& out = session.out();
  std::size_t count = 0;
  bool interrupted = false;
  if (json) out.Write(R"({"entries":[)");
  const auto scanned = (*cache)->Scan(*options, [&](std::string_view key, std::string_view value) {
    if (json && count > 0) out.Write(",");
    (json ? PrintJsonPair : PrintTextPair)(session, key, value, arguments.keys_only);
    interrupted = ++count % kInterruptInterval == 0 && session.Interrupted();
    return !interrupted;
  });
  if (!scanned) return std::unexpected(scanned.error());
  if (interrupted) return Failed("interrupted");
  if (json) out.Line("]}");
  return ExitStatus::kDone;
}

}  // namespace

void AddScan(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "scan", "List keys and values in order", Scan);
  command->add_option("--prefix", arguments->prefix, "Only keys that begin with this")
      ->type_name("P");
  command->add_option("--from", arguments->from, "Only keys from this one on")->type_name("K");
  command->add_option("--to", arguments->to, "Only keys before this one")->type_name("K");
  command->add_option("--limit", arguments->limit, "At most so many")
      ->type_name("N")
      ->check(WholeNumber(1));
  command->add_flag("--reverse", arguments->reverse, "From the last key to the first");
  command->add_flag("--keys-only", arguments->keys_only, "Without the values");
  SetExamples(
      *command,
      "Prints key, tab, value, a pair a line, as a snapshot of the database. On a terminal,\n"
      "control characters are shown escaped; what is piped is raw. To write pairs for load\n"
      "to read again, whatever bytes they hold, use dump.\n"
      "\n"
      "Examples:\n"
      "  kvtool --db shop.db scan --prefix user: --limit 10\n"
      "  kvtool --db shop.db scan --from a --to b --keys-only\n"
      "  kvtool --db shop.db scan --reverse --limit 1 --json\n");
}

}  // namespace kvcache::kvtool
