#include "simulate/line_reader.h"

#include <fmt/format.h>

namespace kvcache {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 20;

}  // namespace

Result<bool> LineReader::NextOfChunks(std::string_view& line) {
  ++number_;
  joined_.clear();
  bool too_long = false;
  bool found = false;
  while (true) {
    const std::size_t end = chunk_.find('\n');
    found = end != std::string_view::npos;
    if (!too_long) joined_.append(chunk_.substr(0, end));
    too_long = too_long || joined_.size() > kLongestLine;
    chunk_.remove_prefix(found ? end + 1 : chunk_.size());
    if (found) break;
    const Result<std::string_view> more = source_->Next();
    if (!more) return std::unexpected(more.error());
    chunk_ = *more;
    if (chunk_.empty()) break;
  }
  if (too_long) return std::unexpected(Malformed("longer than 1 MiB; is this a text?"));
  line = WithoutReturn(joined_);
  return found || !joined_.empty();
}

Error LineReader::Malformed(std::string_view reason) const {
  return {ErrorCode::kInvalidArgument, fmt::format("{}:{}: {}", source_->name(), number_, reason)};
}

}  // namespace kvcache
