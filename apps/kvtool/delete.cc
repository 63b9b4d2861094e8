#include <string>

#include "commands.h"

namespace kvcache::kvtool {
namespace {

struct DeleteArguments {
  std::string key;
  bool sync = false;
};

Outcome<ExitStatus> Delete(Session& session, const DeleteArguments& arguments) {
  const auto key = session.Decode(arguments.key);
  if (!key) return std::unexpected(key.error());
  const auto cache = session.Open(Access::kWrite);
  if (!cache) return std::unexpected(cache.error());
  const auto deleted = (*cache)->Delete(*key, {.sync = arguments.sync, .fill_tier = true});
  if (!deleted) return std::unexpected(deleted.error());
  if (session.flags().json) session.out().Line(Json{{"key", session.EncodeJson(*key)}}.dump());
  return ExitStatus::kDone;
}

}  // namespace

void AddDelete(CLI::App& app, Action& action) {
  const auto [command, arguments] = AddCommand(app, action, "delete", "Delete a key", Delete);
  command->add_option("KEY", arguments->key, "The key")->required();
  command->add_flag("--sync", arguments->sync,
                    "Return once the deletion would survive the loss of the machine");
  SetExamples(
      *command,
      "Deleting an absent key is done, with exit status 0, as in RocksDB itself: the key is\n"
      "not there afterwards, and nobody has to read before.\n"
      "\n"
      "Example:\n"
      "  kvtool --db shop.db delete user:42\n");
}

}  // namespace kvcache::kvtool
