#include "control.h"

#include <algorithm>
#include <cstddef>

namespace demo {

std::string_view Field(std::string_view record, std::string_view name) {
  while (!record.empty()) {
    std::string_view field = record;
    TakeUntil(record, '\n');
    if (!field.starts_with(name) || field.substr(name.size(), 1) != ":") continue;
    while (record.starts_with(' ')) TakeUntil(record, '\n');  // continuation lines
    field.remove_suffix(record.size());
    if (field.ends_with('\n')) field.remove_suffix(1);
    field.remove_prefix(name.size() + 1);
    return field.substr(std::min(field.find_first_not_of(' '), field.size()));
  }
  return {};
}

std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return head;
}

std::string_view PackageName(std::string_view relation) {
  relation.remove_prefix(std::min(relation.find_first_not_of(" \n"), relation.size()));
  return relation.substr(0, relation.find_first_of(" \n:(["));
}

}  // namespace demo
