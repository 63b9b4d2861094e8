#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "commands.h"
#include "editor.h"
#include "interrupts.h"
#include "line_reader.h"
#include "shell_commands.h"
#include "shell_words.h"

namespace kvcache::kvtool {
namespace {

struct ShellArguments {};

// Of one line: read, run, done with.
class Shell {
 public:
  Shell(Session& session, Cache& cache) : session_(session) { state_.previous = cache.GetStats(); }

  bool quit() const { return state_.quit; }

  Outcome<ExitStatus> Run(std::string_view line) {
    auto words = SplitWords(line);
    if (!words) return WrongCall(words.error());
    if (words->empty() || words->front().starts_with('#')) return ExitStatus::kDone;
    Action action;
    CLI::App app;
    SetHelpStyle(app);
    AddPut(app, action);
    AddGet(app, action);
    AddDelete(app, action);
    AddHas(app, action);
    AddScan(app, action);
    AddShellCommands(app, action, state_);
    const auto parsed = Parse(app, *std::move(words), session_.out());
    if (!parsed) return std::unexpected(parsed.error());
    auto outcome = *parsed == Parsed::kAction ? action(session_) : ExitStatus::kDone;
    // At once: a program at the other end may wait for the answer before it goes on.
    if (auto flushed = session_.out().Flush(); !flushed) return std::unexpected(flushed.error());
    return outcome;
  }

 private:
  Session& session_;
  ShellState state_;
};

// At a terminal an error is told and the shell goes on.
Outcome<ExitStatus> Converse(Shell& shell, Interrupts& interrupts) {
  Editor editor(HistoryFile());
  while (!shell.quit()) {
    const auto line = editor.ReadLine();
    if (!line) break;
    interrupts.Reset();
    if (const auto outcome = shell.Run(*line); !outcome) Complain(outcome.error().message);
  }
  return ExitStatus::kDone;
}

// In a script an error ends the shell, for what follows may depend on it; an absent key does not.
// A signal ends it after the command at work.
Outcome<ExitStatus> RunScript(Shell& shell, Interrupts& interrupts) {
  const auto lines = LineReader::Open("-", interrupts);
  if (!lines) return std::unexpected(lines.error());
  ExitStatus status = ExitStatus::kDone;
  for (int number = 1; !shell.quit(); ++number) {
    const auto line = (*lines)->Next();
    if (!line) return std::unexpected(line.error());
    if (interrupts.Raised()) return Failed("interrupted");
    if (!*line) break;
    const auto outcome = shell.Run(**line);
    if (!outcome) {
      return std::unexpected(Failure(outcome.error().status,
                                     fmt::format("line {}: {}", number, outcome.error().message)));
    }
    if (*outcome == ExitStatus::kAbsent) status = ExitStatus::kAbsent;
  }
  return status;
}

Outcome<void> Greet(Session& session, Cache& cache) {
  const Stats stats = cache.GetStats();
  session.out().Line(fmt::format("{}; memory tier of {} under {}. help lists the commands.",
                                 session.flags().db, CapacityText(stats), stats.policy));
  return session.out().Flush();
}

// A recording that is still going on ends with the shell. Its failure is the shell's, if nothing
// else was.
Outcome<ExitStatus> EndRecording(Cache& cache, Outcome<ExitStatus> outcome) {
  if (!cache.GetStats().recording.active) return outcome;
  const auto stopped = cache.StopRecording();
  if (!stopped && outcome) return std::unexpected(stopped.error());
  return outcome;
}

Outcome<ExitStatus> RunShell(Session& session, const ShellArguments&) {
  session.set_in_shell();
  std::signal(SIGPIPE, SIG_IGN);  // a reader who leaves is an error of Flush, a recording is kept
  const Access access = session.writable() ? Access::kCreate : Access::kRead;
  if (isatty(STDIN_FILENO) == 0 || !session.out().terminal()) {
    Interrupts& interrupts = session.CatchInterrupts();
    const auto cache = session.Open(access);
    if (!cache) return std::unexpected(cache.error());
    Shell shell(session, **cache);
    return EndRecording(**cache, RunScript(shell, interrupts));
  }
  Interrupts& interrupts = session.CatchInterrupts({SIGINT});
  const auto cache = session.Open(access);
  if (!cache) return std::unexpected(cache.error());
  if (auto greeted = Greet(session, **cache); !greeted) return std::unexpected(greeted.error());
  Shell shell(session, **cache);
  return EndRecording(**cache, Converse(shell, interrupts));
}

}  // namespace

void AddShell(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "shell", "Work with a database interactively", RunShell);
  SetExamples(
      *command,
      "Commands: put, get, delete, has, scan as outside; and with the tier alive between\n"
      "them: stats, policy NAME, capacity SIZE, record FILE, invalidate, catchup, help, quit.\n"
      "The database is created if there is none. Lines can be edited and recalled; the history is "
      "kept\n"
      "in $XDG_STATE_HOME/kvtool/history, or ~/.local/state/kvtool/history, for its user's eyes\n"
      "only, and not at all where something else is than a regular file of the user's own.\n"
      "\n"
      "At a terminal an error is told and the shell goes on. When commands are piped in, the\n"
      "first error ends it, with that error's exit status; keys that are absent do not, but\n"
      "make the exit status 1. Lines that begin with # are skipped. With --json, each\n"
      "command but help and quit prints one document on one line.\n"
      "\n"
      "Examples:\n"
      "  kvtool --db shop.db --capacity 1GiB shell\n"
      "  printf 'get user:42\\npolicy lfu\\nstats\\n' | kvtool --db shop.db shell\n");
}

}  // namespace kvcache::kvtool
