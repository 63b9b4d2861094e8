#include "shell_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kvcache/size.h"
#include "progress.h"
#include "recording.h"

namespace kvcache::kvtool {
namespace {

CLI::App* AddShellCommand(CLI::App& app, Action& action, const std::string& name,
                          const std::string& help, Action run) {
  CLI::App* command = app.add_subcommand(name, help)->group("Commands");
  command->callback([&action, run = std::move(run)] { action = run; });
  return command;
}

std::string WindowText(const Stats& window) {
  const ShardStats& total = window.total;
  return fmt::format(
      "since the previous stats: hits {}, misses {}, hit ratio {:.4f}, loads {}, evictions {}",
      total.hits, total.misses, window.hit_ratio(), total.loads, total.evictions);
}

Outcome<ExitStatus> ShowStats(Session& session, ShellState& state) {
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  const Stats now = (*cache)->GetStats();
  const Stats window = now - state.previous;
  state.previous = now;
  if (session.flags().json) {
    Json json = Json::parse(now.ToJson());
    json["window"] = Json::parse(window.ToJson());
    session.out().Line(json.dump());
  } else {
    session.out().Write(now.ToText());
    session.out().Line(WindowText(window));
  }
  return ExitStatus::kDone;
}

// Without a name, tells the present policy.
Outcome<ExitStatus> SwitchPolicy(Session& session, const std::string& name) {
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  if (!name.empty()) {
    if (const auto set = (*cache)->SetPolicy(name); !set) return std::unexpected(set.error());
  }
  const std::string policy = (*cache)->GetStats().policy;
  session.out().Line(session.flags().json ? Json{{"policy", policy}}.dump() : "policy " + policy);
  return ExitStatus::kDone;
}

Result<void> Resize(Cache& cache, const Capacity& capacity) {
  return capacity.entries > 0 ? cache.SetCapacityEntries(capacity.entries)
                              : cache.SetCapacity(capacity.bytes);
}

// Without a size, tells the present capacity.
Outcome<ExitStatus> SwitchCapacity(Session& session, const std::string& size) {
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  if (!size.empty()) {
    const auto capacity = ParseCapacity(size);
    if (!capacity) return std::unexpected(capacity.error());
    if (const auto set = Resize(**cache, *capacity); !set) return std::unexpected(set.error());
  }
  const Stats stats = (*cache)->GetStats();
  const std::string unit = stats.capacity_in_entries ? "entries" : "bytes";
  session.out().Line(session.flags().json
                         ? Json{{"capacity", stats.capacity}, {"capacity_unit", unit}}.dump()
                         : "capacity " + CapacityText(stats));
  return ExitStatus::kDone;
}

// FILE begins a recording, off ends it; without either, tells of the present or last one.
Outcome<ExitStatus> Record(Session& session, const RecordOptions& options) {
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  if (options.path == "off") {
    if (auto stopped = (*cache)->StopRecording(); !stopped) {
      return std::unexpected(stopped.error());
    }
  } else if (!options.path.empty()) {
    if (auto checked = CheckRecording(options, "-"); !checked) {
      return std::unexpected(checked.error());
    }
    auto started = (*cache)->StartRecording(options);
    if (!started) return std::unexpected(started.error());
  }
  const Stats stats = (*cache)->GetStats();
  const RecordingStats& recording = stats.recording;
  if (session.flags().json) {
    session.out().Line(Json{{"recording", Json::parse(stats.ToJson())["recording"]}}.dump());
  } else if (recording.path.empty()) {
    session.out().Line("nothing is being recorded");
  } else {
    session.out().Line(fmt::format("{} into {}: {}", recording.active ? "recording" : "recorded",
                                   Printable(recording.path), RecordedText(recording)));
  }
  return ExitStatus::kDone;
}

struct Scope {
  std::optional<std::string> key;
  std::optional<std::string> prefix;
  bool all = false;
};

Outcome<ExitStatus> Invalidate(Session& session, const Scope& scope) {
  if (scope.key.has_value() + scope.prefix.has_value() + scope.all != 1) {
    return WrongCall("invalidate takes one of KEY, --prefix P and --all");
  }
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  Json invalidated{{"all", true}};
  if (scope.all) {
    (*cache)->InvalidateAll();
  } else {
    const auto bytes = session.Decode(scope.key ? *scope.key : *scope.prefix);
    if (!bytes) return std::unexpected(bytes.error());
    if (scope.key) {
      (*cache)->Invalidate(*bytes);
    } else {
      (*cache)->InvalidatePrefix(*bytes);
    }
    invalidated = {{scope.key ? "key" : "prefix", session.EncodeJson(*bytes)}};
  }
  if (session.flags().json) session.out().Line(Json{{"invalidated", invalidated}}.dump());
  return ExitStatus::kDone;
}

Outcome<ExitStatus> CatchUp(Session& session) {
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  if (const auto caught_up = (*cache)->CatchUp(); !caught_up) {
    return std::unexpected(caught_up.error());
  }
  if (session.flags().json) session.out().Line(Json{{"caught_up", true}}.dump());
  return ExitStatus::kDone;
}

// The usage line of a command, without "Usage: ".
std::string Usage(const CLI::App& command) {
  std::string usage = command.get_name();
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    usage += option->get_required() ? " " + name : " [" + name + "]";
  }
  return usage;
}

Outcome<ExitStatus> ShowHelp(Session& session, const CLI::App& app, const std::string& name) {
  Output& out = session.out();
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  if (name.empty()) {
    for (const CLI::App* command : commands) {
      out.Line(fmt::format("  {:<20} {}", Usage(*command), command->get_description()));
    }
    out.Line(
        "\nhelp COMMAND tells more. Words are separated by spaces; a key or value with spaces "
        "goes\n"
        "in quotes: 'as it is', or \"with \\n \\t \\\\ \\\" \\x00 for odd bytes\".");
    return ExitStatus::kDone;
  }
  const auto named = std::ranges::find(commands, name, &CLI::App::get_name);
  if (named == commands.end()) {
    return WrongCall(fmt::format("no such command: {}; see help", Excerpt(name)));
  }
  out.Write((*named)->help());
  return ExitStatus::kDone;
}

}  // namespace

void AddShellCommands(CLI::App& app, Action& action, ShellState& state) {
  // Each line is parsed once, by an app of its own: what options are bound to lives as long as the
  // command's action.
  const auto text = std::make_shared<std::string>();
  const auto scope = std::make_shared<Scope>();
  AddShellCommand(app, action, "stats", "Show the memory tier's figures",
                  [&state](Session& session) { return ShowStats(session, state); });
  AddShellCommand(app, action, "policy", "Switch the eviction policy; contents are kept",
                  [text](Session& session) { return SwitchPolicy(session, *text); })
      ->add_option("NAME", *text, "lru, or with parameters: lru-k:k=2");
  AddShellCommand(app, action, "capacity", "Switch the tier's capacity; what fits is kept",
                  [text](Session& session) { return SwitchCapacity(session, *text); })
      ->add_option("SIZE", *text, "64MiB, 1.5GiB, or 1000entries of any size");
  const auto record = std::make_shared<RecordOptions>(WholeRecording());
  CLI::App* recording =
      AddShellCommand(app, action, "record", "Record what is looked up, as a trace; off ends it",
                      [record](Session& session) { return Record(session, *record); });
  recording->add_option("FILE", record->path, "Compressed if it ends in .gz or .zst; off: end it");
  AddRecordFlags(*recording, *record, "--sample", "FILE");
  CLI::App* invalidate =
      AddShellCommand(app, action, "invalidate", "Drop from the tier what is cached",
                      [scope](Session& session) { return Invalidate(session, *scope); });
  invalidate->add_option("KEY", scope->key, "This key");
  invalidate->add_option("--prefix", scope->prefix, "All keys that begin with this")
      ->type_name("P");
  invalidate->add_flag("--all", scope->all, "All keys");
  AddShellCommand(app, action, "catchup", "With --secondary: follow what the service has written",
                  CatchUp);
  AddShellCommand(app, action, "help", "Tell what commands there are, or about one",
                  [&app, text](Session& session) { return ShowHelp(session, app, *text); })
      ->add_option("COMMAND", *text, "The command to tell about");
  AddShellCommand(app, action, "quit", "Leave; so does the end of input (Ctrl-D)",
                  [&state](Session&) -> Outcome<ExitStatus> {
                    state.quit = true;
                    return ExitStatus::kDone;
                  });
}

}  // namespace kvcache::kvtool
