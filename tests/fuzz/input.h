// The bytes of a fuzzer, taken one after another as choices.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvcache::testing {

class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  // 0 at the end.
  std::uint8_t Byte() {
    const std::string_view byte = Take(1);
    return byte.empty() ? 0 : static_cast<std::uint8_t>(byte.front());
  }

  // In [0, bound), of as many bytes as that takes.
  std::uint32_t Below(std::size_t bound) {
    std::uint64_t number = Byte();
    for (std::size_t most = 256; most < bound; most *= 256) number = number * 256 + Byte();
    return static_cast<std::uint32_t>(number % bound);
  }

  std::string_view Take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  // Up to the first newline, which is taken too.
  std::string_view TakeLine() {
    const std::string_view line = rest_.substr(0, rest_.find('\n'));
    rest_.remove_prefix(std::min(line.size() + 1, rest_.size()));
    return line;
  }

 private:
  std::string_view rest_;
};

}  // namespace kvcache::testing
