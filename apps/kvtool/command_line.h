// The command line: how commands are declared and parsed, in main and in the shell alike.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "outcome.h"
#include "output.h"
#include "session.h"

namespace kvcache::kvtool {

// What is to be done, as parsing has decided it.
using Action = std::function<Outcome<ExitStatus>(Session&)>;

enum class Parsed {
  kAction,  // the command has set its action
  kHelp,    // help or the version was asked for, and is printed
};

// What is wrong with `arguments` comes back as one line.
Outcome<Parsed> Parse(CLI::App& app, std::vector<std::string> arguments, Output& out);

// The look of all help. To be set before commands are added.
void SetHelpStyle(CLI::App& app);

// For options that count something.
CLI::Validator WholeNumber(std::uint64_t least);

// Examples and notes below the help of a command.
void SetExamples(CLI::App& command, const std::string& text);

template <class Arguments>
struct Command {
  CLI::App* app;
  std::shared_ptr<Arguments> arguments;  // for options to be bound to
};

// Adds command `name`: parsing it sets `action` to `run` with its arguments.
template <class Arguments>
Command<Arguments> AddCommand(CLI::App& app, Action& action, const std::string& name,
                              const std::string& help,
                              Outcome<ExitStatus> (*run)(Session&, const Arguments&)) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(name, help)->group("Commands");
  command->callback([&action, arguments, run] {
    action = [arguments, run](Session& session) { return run(session, *arguments); };
  });
  return {command, arguments};
}

}  // namespace kvcache::kvtool
