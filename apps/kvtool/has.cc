#include <string>

#include "commands.h"

namespace kvcache::kvtool {
namespace {

struct HasArguments {
  std::string key;
};

Outcome<ExitStatus> Has(Session& session, const HasArguments& arguments) {
  const auto key = session.Decode(arguments.key);
  if (!key) return std::unexpected(key.error());
  const auto cache = session.Open(Access::kRead);
  if (!cache) return std::unexpected(cache.error());
  const auto exists = (*cache)->Contains(*key);
  if (!exists) return std::unexpected(exists.error());
  session.out().Line(session.flags().json
                         ? Json{{"key", session.EncodeJson(*key)}, {"exists", *exists}}.dump()
                         : (*exists ? "yes" : "no"));
  return *exists ? ExitStatus::kDone : ExitStatus::kAbsent;
}

}  // namespace

void AddHas(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "has", "Tell whether a key exists", Has);
  command->add_option("KEY", arguments->key, "The key")->required();
  SetExamples(*command,
              "Prints yes with exit status 0, or no with exit status 1.\n"
              "\n"
              "Example:\n"
              "  if kvtool --db shop.db has user:42 > /dev/null; then echo welcome back; fi\n");
}

}  // namespace kvcache::kvtool
