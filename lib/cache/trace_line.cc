#include "cache/trace_line.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"

namespace kvcache {
namespace {

// No control characters, nor what ends a key; and none of the bytes that begin no UTF-8, with one
// of which files compressed by zstd begin.
bool IsPlain(std::string_view key) {
  bool odd = key.empty() || key.starts_with("0x");
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    odd |= byte < 0x20 || byte == ',' || byte == 0x7F || byte >= 0xF8;
  }
  return !odd;
}

}  // namespace

TraceLine::TraceLine(std::string_view key, std::size_t bytes) {
  if (key.size() > kLongestKey) {
    const std::uint64_t hash = HashKey(key, 0);
    std::array<char, sizeof hash> big_endian;
    for (std::size_t i = 0; i < big_endian.size(); ++i) {
      big_endian[i] = static_cast<char>(hash >> (8 * (big_endian.size() - 1 - i)));
    }
    AppendHex({big_endian.data(), big_endian.size()});
  } else if (!IsPlain(key)) {
    AppendHex(key);
  } else {
    size_ = key.copy(text_.data(), key.size());
  }
  AppendSize(bytes);
}

void TraceLine::AppendHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  text_[size_++] = '0';
  text_[size_++] = 'x';
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text_[size_++] = kDigits[byte >> 4];
    text_[size_++] = kDigits[byte & 15];
  }
}

void TraceLine::AppendSize(std::size_t bytes) {
  text_[size_++] = ',';
  // A trace's sizes begin with 1.
  const std::size_t size = std::max<std::size_t>(bytes, 1);
  const auto written = std::to_chars(text_.data() + size_, text_.data() + text_.size(), size);
  size_ = static_cast<std::size_t>(written.ptr - text_.data());
  text_[size_++] = '\n';
}

}  // namespace kvcache
