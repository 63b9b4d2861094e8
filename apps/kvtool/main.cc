// kvtool: a person's or a script's way to a database behind the cache.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "commands.h"
#include "flags.h"

namespace kvcache::kvtool {
namespace {

// With one of them closed, the database's files would get its number, and messages go into them.
// What takes its place fails as a closed one does: it can be written if it is to be read, and read
// if it is to be written.
void KeepStandardStreamsOpen() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);  // the lowest number free
  }
}

std::string Notes() {
  return "Policies, with their parameters' defaults:\n" + PoliciesHelp() +
         "\n"
         "Exit status: 0 done; 1 the key is absent; 2 the call is wrong; 3 the store or a file\n"
         "failed. One line on standard error says what and how to mend it.\n"
         "\n"
         "Examples:\n"
         "  kvtool --db shop.db put user:42 'Ada Lovelace'\n"
         "  kvtool --db shop.db get user:42\n"
         "  kvtool --db shop.db scan --prefix user: --limit 10\n"
         "  kvtool --db shop.db load users.tsv\n"
         "  kvtool --db shop.db --policy lfu --capacity 256MiB shell\n"
         "  kvtool --db bench.db --policy lru-k:k=2 --capacity 64MiB replay requests.txt.zst\n"
         "\n"
         "kvtool COMMAND --help tells more about a command. Keys are stored as they are given, so\n"
         "other RocksDB programs read them: ldb --db=shop.db get user:42\n";
}

void AddCommands(CLI::App& app, Action& action) {
  AddPut(app, action);
  AddGet(app, action);
  AddDelete(app, action);
  AddHas(app, action);
  AddScan(app, action);
  AddLoad(app, action);
  AddDump(app, action);
  AddStats(app, action);
  AddShell(app, action);
  AddReplay(app, action);
  AddTrace(app, action);
  AddSimulate(app, action);
  AddCurve(app, action);
  AddAdvise(app, action);
  AddBench(app, action);
}

Outcome<ExitStatus> Run(std::vector<std::string> arguments, Output& out) {
  Flags flags;
  Action action;
  CLI::App app("A RocksDB database with a cache before it: store, look up, list, measure.",
               "kvtool");
  SetHelpStyle(app);
  AddGlobalFlags(app, flags);
  app.set_version_flag("--version", "kvtool " KVTOOL_VERSION, "Print the version");
  app.footer(Notes());
  AddCommands(app, action);
  const auto parsed = Parse(app, arguments, out);
  if (!parsed) return std::unexpected(parsed.error());
  if (*parsed == Parsed::kHelp) return ExitStatus::kDone;
  Session session(std::move(flags), out);
  session.set_arguments(std::move(arguments));
  return action(session);
}

int Main(std::vector<std::string> arguments) {
  KeepStandardStreamsOpen();
  // A file that may not grow is a write's error, told like others.
  std::signal(SIGXFSZ, SIG_IGN);
  Output out;
  auto outcome = Run(std::move(arguments), out);
  if (const auto flushed = out.Flush(); !flushed && outcome) {
    outcome = std::unexpected(flushed.error());
  }
  if (outcome) return static_cast<int>(*outcome);
  Complain(outcome.error().message);
  return static_cast<int>(outcome.error().status);
}

}  // namespace
}  // namespace kvcache::kvtool

int main(int argc, char** argv) {
  try {
    return kvcache::kvtool::Main({argv + 1, argv + argc});
  } catch (const std::bad_alloc&) {
    kvcache::kvtool::Complain("out of memory; ask for less");
    return static_cast<int>(kvcache::kvtool::ExitStatus::kFailed);
  } catch (const std::exception& error) {
    kvcache::kvtool::Complain(error.what());
    return static_cast<int>(kvcache::kvtool::ExitStatus::kFailed);
  }
}
