#include <fmt/format.h>

#include <optional>
#include <string>

#include "commands.h"

namespace kvcache::kvtool {
namespace {

struct GetArguments {
  std::string key;
  bool raw = false;
};

void Print(Session& session, const std::string& key, const std::optional<Value>& value,
           const GetArguments& arguments) {
  if (session.flags().json) {
    session.out().Line(Json{{"key", session.EncodeJson(key)},
                            {"value", value ? session.EncodeJson(*value) : Json()},
                            {"hit", value && value->hit()}}
                           .dump());
  } else if (value && arguments.raw) {
    session.out().WriteRaw(*value);
  } else if (value) {
    session.out().Line(session.Encode(*value));
  }
}

Outcome<ExitStatus> Get(Session& session, const GetArguments& arguments) {
  const auto key = session.Decode(arguments.key);
  if (!key) return std::unexpected(key.error());
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  const auto value = (*cache)->Get(*key);
  if (!value) return std::unexpected(value.error());
  Print(session, *key, *value, arguments);
  if (*value) return ExitStatus::kDone;
  Complain(fmt::format("no such key: {}", Printable(arguments.key)));
  return ExitStatus::kAbsent;
}

}  // namespace

void AddGet(CLI::App& app, Action& action) {
  const auto [command, arguments] = AddCommand(app, action, "get", "Print a key's value", Get);
  command->add_option("KEY", arguments->key, "The key")->required();
  command->add_flag("--raw", arguments->raw, "The value's bytes alone, without a newline");
  SetExamples(
      *command,
      "Prints the value and a newline; exit status 1 when the key is absent. On a terminal,\n"
      "control characters are shown escaped (\\n, \\x1B) unless --raw is given.\n"
      "\n"
      "Examples:\n"
      "  kvtool --db shop.db get user:42\n"
      "  kvtool --db shop.db get image:7 --raw > cat.jpg\n"
      "  kvtool --db shop.db get user:42 --json\n");
}

}  // namespace kvcache::kvtool
