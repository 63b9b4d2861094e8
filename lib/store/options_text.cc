#include "store/options_text.h"

#include <algorithm>

namespace kvcache {
namespace {

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

// What lies between `before` and the first character of `ends`; empty when `before` does not begin
// the text.
std::string_view Between(std::string_view text, std::string_view before, std::string_view ends) {
  if (!text.starts_with(before)) return {};
  text.remove_prefix(before.size());
  return text.substr(0, text.find_first_of(ends));
}

constexpr std::string_view kOptions[] = {"comparator", "merge_operator", "compaction_filter",
                                         "compaction_filter_factory"};

}  // namespace

// Lines of interest: `[CFOptions "default"]`, `merge_operator=nullptr`, `merge_operator=Name` and
// `merge_operator={id=Name;parameter=value;}`.
std::vector<NamedObject> NamedObjects(std::string_view options_text) {
  std::vector<NamedObject> objects;
  std::string_view family;  // empty in sections that describe none
  while (!options_text.empty()) {
    const std::size_t end = std::min(options_text.find('\n'), options_text.size());
    const std::string_view line = Trim(options_text.substr(0, end));
    options_text.remove_prefix(std::min(end + 1, options_text.size()));

    if (line.starts_with('[')) family = Between(line, "[CFOptions \"", "\"");
    const std::string_view option = Trim(line.substr(0, line.find('=')));
    if (family.empty() || option.size() == line.size() ||
        std::ranges::find(kOptions, option) == std::end(kOptions)) {
      continue;
    }
    const std::string_view value = Trim(line.substr(line.find('=') + 1));
    const std::string_view id = Trim(Between(value, "{id=", ";}"));
    const std::string_view name = id.empty() ? value : id;
    if (name.empty() || name == "nullptr") continue;
    objects.push_back({std::string(family), std::string(option), std::string(name)});
  }
  return objects;
}

}  // namespace kvcache
