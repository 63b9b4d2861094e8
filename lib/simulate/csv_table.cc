#include "simulate/csv_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "simulate/operations.h"

namespace kvcache {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view WithoutSpaces(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

void CsvTable::SetHeader(std::string_view line) {
  header_ = line;
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  const std::size_t separator = line.find_first_of(line.contains(',') ? "," : "\t;|");
  separator_ = separator == std::string_view::npos ? ',' : line[separator];
  names_.clear();
  if (!SplitFields(line)) return;
  for (const std::string_view field : fields_) names_.emplace_back(WithoutSpaces(field));
}

std::optional<std::size_t> CsvTable::Find(std::string_view name) const {
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names_.begin());
}

std::optional<std::size_t> CsvTable::FindUsual(std::span<const std::string_view> names) const {
  for (const std::string_view usual : names) {
    const auto found = std::ranges::find_if(
        names_, [usual](const std::string& name) { return EqualsIgnoringCase(name, usual); });
    if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
  }
  return std::nullopt;
}

std::string CsvTable::Names() const {
  constexpr std::size_t kEnough = 400;  // characters: a message is read by people
  std::string names;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names.size() > kEnough) return names + ", ...";
    names += (i == 0 ? "" : ", ") + Excerpt(names_[i]);
  }
  return names;
}

bool CsvTable::Split(std::string_view line, std::string& reason) {
  if (!SplitFields(line)) {
    reason = "a quote that is not closed, or text behind one that is";
    return false;
  }
  if (fields_.size() == names_.size()) return true;
  reason = fmt::format("the header has {} columns, this line {}", names_.size(), fields_.size());
  return false;
}

bool CsvTable::SplitFields(std::string_view line) {
  fields_.clear();
  unquoted_.clear();
  unquoted_.reserve(line.size());  // so that fields do not move
  while (true) {
    if (line.starts_with('"')) {
      if (!TakeQuoted(line)) return false;
    } else {
      const std::string_view field = line.substr(0, line.find(separator_));
      fields_.push_back(field);
      line.remove_prefix(field.size());
    }
    if (line.empty()) return true;
    line.remove_prefix(1);  // the separator
  }
}

bool CsvTable::TakeQuoted(std::string_view& rest) {
  const std::size_t begin = unquoted_.size();
  std::size_t at = 1;
  while (true) {
    const std::size_t quote = rest.find('"', at);
    if (quote == std::string_view::npos) return false;
    unquoted_ += rest.substr(at, quote - at);
    at = quote + 1;
    if (rest.substr(at, 1) != "\"") break;
    unquoted_ += '"';
    ++at;
  }
  fields_.push_back(std::string_view(unquoted_).substr(begin));
  rest.remove_prefix(at);
  return rest.empty() || rest.front() == separator_;
}

}  // namespace kvcache
