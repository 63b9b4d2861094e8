// Comma-separated values with a header, as RFC 4180 has them, but for line ends within quotes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache {

// The columns that a header names, and the fields of the lines below it. Not thread-safe.
class CsvTable {
 public:
  // Separators are commas, or where the header has none, tabs, semicolons or bars.
  void SetHeader(std::string_view line);

  bool has_header() const { return !header_.empty(); }
  // Files that were put together may repeat theirs.
  bool IsHeader(std::string_view line) const { return line == header_; }
  char separator() const { return separator_; }

  std::size_t size() const { return names_.size(); }
  // The column of that name.
  std::optional<std::size_t> Find(std::string_view name) const;
  // The column whose name is one of these, in any case; earlier ones are preferred.
  std::optional<std::size_t> FindUsual(std::span<const std::string_view> names) const;
  // "key, size, op", as it may stand in a message.
  std::string Names() const;

  // False, with `reason`, if the line has not as many fields as the header.
  bool Split(std::string_view line, std::string& reason);
  // Of the line last split, whose bytes must still be there.
  std::string_view operator[](std::size_t column) const { return fields_[column]; }

 private:
  // Cuts the first field off `rest`; false if it is quoted wrongly.
  bool TakeQuoted(std::string_view& rest);
  bool SplitFields(std::string_view line);

  std::string header_;
  char separator_ = ',';
  std::vector<std::string> names_;
  std::vector<std::string_view> fields_;
  std::string unquoted_;  // fields that are not in the line as they are
};

}  // namespace kvcache
