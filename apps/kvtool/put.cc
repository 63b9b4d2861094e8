#include <unistd.h>

#include <cstddef>
#include <iterator>
#include <string>

#include "commands.h"

namespace kvcache::kvtool {
namespace {

struct PutArguments {
  std::string key;
  std::string value;
  bool sync = false;
};

Outcome<std::string> ReadStandardInput(const Session& session) {
  if (session.in_shell()) return WrongCall("- cannot be used within the shell; give the value");
  std::string all;
  std::size_t size = 0;
  while (true) {
    all.resize(size + (std::size_t{64} << 10));
    const ssize_t got = read(STDIN_FILENO, all.data() + size, all.size() - size);
    if (got < 0) return Failed("cannot read standard input; is it closed?");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  all.resize(size);
  return all;
}

Outcome<ExitStatus> Put(Session& session, const PutArguments& arguments) {
  const auto key = session.Decode(arguments.key);
  if (!key) return std::unexpected(key.error());
  const auto value =
      arguments.value == "-" ? ReadStandardInput(session) : session.Decode(arguments.value);
  if (!value) return std::unexpected(value.error());
  const auto cache = session.Open(Access::kCreate);
  if (!cache) return std::unexpected(cache.error());
  const auto put = (*cache)->Put(*key, *value, {.sync = arguments.sync, .fill_tier = true});
  if (!put) return std::unexpected(put.error());
  if (session.flags().json) {
    session.out().Line(Json{{"key", session.EncodeJson(*key)}, {"bytes", value->size()}}.dump());
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddPut(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "put", "Store a value under a key", Put);
  command->add_option("KEY", arguments->key, "The key")->required();
  command->add_option("VALUE", arguments->value, "The value; - reads it from standard input")
      ->required();
  command->add_flag("--sync", arguments->sync,
                    "Return once the write would survive the loss of the machine");
  SetExamples(
      *command,
      "Creates the database if there is none. What standard input brings is stored as it\n"
      "is, a last newline and --hex included. A key that begins with a dash goes after --.\n"
      "\n"
      "Examples:\n"
      "  kvtool --db shop.db put user:42 'Ada Lovelace'\n"
      "  kvtool --db shop.db put image:7 - < cat.jpg\n"
      "  kvtool --db shop.db put -- -odd-key value\n"
      "  kvtool --db shop.db --hex put 0x0001 0xFF\n");
}

}  // namespace kvcache::kvtool
