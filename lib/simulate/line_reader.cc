#include "simulate/line_reader.h"

#include <fmt/format.h>

#include <cstddef>

namespace kvcache {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 20;

std::string_view WithoutReturn(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

Result<std::optional<std::string_view>> LineReader::Next() {
  ++number_;
  joined_.clear();
  while (true) {
    const std::size_t end = chunk_.find('\n');
    const bool found = end != std::string_view::npos;
    const std::string_view part = chunk_.substr(0, end);
    chunk_.remove_prefix(found ? end + 1 : chunk_.size());
    if (found && joined_.empty()) return WithoutReturn(part);

    joined_.append(part);
    if (joined_.size() > kLongestLine) return Malformed("longer than 1 MiB; is this a text?");
    if (found) return WithoutReturn(joined_);
    const Result<std::string_view> more = source_->Next();
    if (!more) return std::unexpected(more.error());
    chunk_ = *more;
    if (!chunk_.empty()) continue;
    if (joined_.empty()) return std::nullopt;
    return WithoutReturn(joined_);
  }
}

std::unexpected<Error> LineReader::Malformed(std::string_view reason) const {
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("{}:{}: {}", source_->name(), number_, reason));
}

}  // namespace kvcache
