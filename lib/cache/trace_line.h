// How a lookup stands in a recorded trace.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvcache {

// One line, `key,size`. Different keys have different lines.
class TraceLine {
 public:
  static constexpr std::size_t kLongestKey = 1024;  // longer ones are their hash

  // `bytes`: of the value, 0 if there is none.
  TraceLine(std::string_view key, std::size_t bytes);
  TraceLine(const TraceLine&) = delete;
  TraceLine& operator=(const TraceLine&) = delete;

  std::string_view view() const { return {text_.data(), size_}; }

 private:
  static constexpr std::size_t kMost = 2 + 2 * kLongestKey + 1 + 20 + 1;

  void AppendSize(std::size_t bytes);
  void AppendHex(std::string_view bytes);

  std::array<char, kMost> text_;  // not initialized
  std::size_t size_ = 0;
};

}  // namespace kvcache
