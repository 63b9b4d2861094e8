#include "command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>

#include "bytes.h"

namespace kvcache::kvtool {
namespace {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    label("SUBCOMMAND", "COMMAND ...");
    label("Positionals", "Arguments");
    column_width(28);
  }

  // CLI11's own puts the commands last.
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string help = make_description(app) + make_usage(app, name) + make_positionals(app) +
                       make_subcommands(app, mode);
    for (const std::string& group : app->get_groups()) {
      const auto flags = app->get_options([&group](const CLI::Option* option) {
        return option->get_group() == group && option->nonpositional();
      });
      if (!flags.empty()) help += make_group(group, false, flags);
    }
    return help + "\n" + make_footer(app);
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional() || option->get_type_size() == 0) return "";
    return " " + option->get_type_name();
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string standard = option->get_default_str();
    return option->get_description() + (standard.empty() ? "" : " (default " + standard + ")");
  }
};

// The command that was chosen: "trace" and within it "info", say.
std::vector<const CLI::App*> ChosenCommands(const CLI::App& app) {
  std::vector<const CLI::App*> chosen;
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().back();
    chosen.push_back(at);
  }
  return chosen;
}

// "kvtool put --help", or in the shell, whose parser has no name, "help put".
std::string WhereHelpIs(const CLI::App& app) {
  std::string command = app.get_name().empty() ? "help" : app.get_name();
  for (const CLI::App* chosen : ChosenCommands(app)) command += " " + chosen->get_name();
  return app.get_name().empty() ? command : command + " --help";
}

std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  const auto left_over = app.remaining(true);
  const auto flag = std::ranges::find_if(
      left_over, [](const std::string& word) { return word.size() > 1 && word.starts_with('-'); });
  if (flag != left_over.end() && *flag != "--") {
    return fmt::format("no such flag: {}; what begins with a dash and is no flag goes after --",
                       Excerpt(*flag));
  }
  const bool extras = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const bool required = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  const auto chosen = ChosenCommands(app);
  const CLI::App& last = chosen.empty() ? app : *chosen.back();
  if (last.get_require_subcommand_min() > 0 && (extras || required)) {
    return left_over.empty() ? "no command given"
                             : "no such command: " + Excerpt(left_over.front());
  }
  if (extras) return "not expected here: " + Excerpt(left_over.front());
  return Excerpt(error.what(), 500);
}

}  // namespace

Outcome<Parsed> Parse(CLI::App& app, std::vector<std::string> arguments, Output& out) {
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(std::move(arguments));
    return Parsed::kAction;
  } catch (const CLI::CallForHelp&) {
    out.Write(app.help());
    return Parsed::kHelp;
  } catch (const CLI::CallForVersion& version) {
    out.Line(version.what());
    return Parsed::kHelp;
  } catch (const CLI::ParseError& error) {
    return WrongCall(fmt::format("{}; see {}", WhatIsWrong(app, error), WhereHelpIs(app)));
  }
}

void SetHelpStyle(CLI::App& app) {
  app.formatter(std::make_shared<HelpFormatter>());
  app.fallthrough();  // so that commands take the flags of every command too
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "Print this help");
}

CLI::Validator WholeNumber(std::uint64_t least) {
  const auto check = [least](const std::string& text) -> std::string {
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
    if (whole && number >= least) return "";
    return fmt::format("{} is not a whole number from {} on", Excerpt(text), least);
  };
  return {check, ""};
}

void SetExamples(CLI::App& command, const std::string& text) {
  command.footer(text + "\nOther flags, policies, exit statuses: kvtool --help");
}

}  // namespace kvcache::kvtool
