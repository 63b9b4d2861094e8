#include "simulate/trace_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace kvcache {
namespace {

constexpr char kSeparator = ',';

}  // namespace

Result<std::unique_ptr<TraceReader>> TraceReader::Open(const std::string& path) {
  Result<std::unique_ptr<ByteSource>> source = ByteSource::Open(path);
  if (!source) return std::unexpected(source.error());
  return std::unique_ptr<TraceReader>(new TraceReader(std::move(*source)));
}

Result<std::optional<TraceRequest>> TraceReader::Next() {
  const Result<std::optional<std::string_view>> next = lines_.Next();
  if (!next) return std::unexpected(next.error());
  const std::optional<std::string_view>& text = *next;
  if (!text) return std::nullopt;

  const std::string_view line = *text;
  const std::size_t comma = line.find(kSeparator);
  TraceRequest request = {.key = line.substr(0, comma), .line = lines_.number()};
  if (request.key.empty()) return lines_.Malformed("no key; a line is `key` or `key,size`");
  if (comma == std::string_view::npos) return request;

  const std::string_view size = line.substr(comma + 1);
  const auto [stopped, error] =
      std::from_chars(size.data(), size.data() + size.size(), request.size);
  if (error != std::errc() || stopped != size.data() + size.size() || request.size == 0) {
    return lines_.Malformed(fmt::format(
        "size \"{}\" is not a number of bytes, 1 or more; a line is `key` or `key,size`", size));
  }
  request.has_size = true;
  return request;
}

}  // namespace kvcache
