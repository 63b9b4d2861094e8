// What every benchmark stores and asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

inline constexpr std::size_t kKeyBytes = 16;

// The i-th key: 16 bytes, in no order.
std::string KeyOf(std::uint64_t i);

// The i-th value, of `bytes` bytes that compress to about half.
std::string ValueOf(std::uint64_t i, std::size_t bytes);

// 0 .. n - 1, shuffled.
std::vector<std::uint32_t> Shuffled(std::size_t n);

enum class Distribution : std::uint8_t { kZipf, kUniform };
constexpr std::string_view NameOf(Distribution distribution) {
  return distribution == Distribution::kZipf ? "zipf" : "uniform";
}

// `count` numbers below n, drawn with a fixed seed. Zipf: exponent 0.99, popularity unrelated to
// the number.
std::vector<std::uint32_t> Draw(Distribution distribution, std::size_t n, std::size_t count);

// The keys of Draw's numbers, one after the other: drawn beforehand, and read as a stream.
class Requests {
 public:
  // `count` is a power of two.
  Requests(Distribution distribution, std::size_t n, std::size_t count = kCount);

  // The i-th key asked for, i taken modulo their number.
  std::string_view operator[](std::size_t i) const {
    return {keys_.data() + (i & mask_) * kKeyBytes, kKeyBytes};
  }
  static constexpr std::size_t kCount = std::size_t{1} << 22;

 private:
  const std::size_t mask_;
  std::string keys_;
};

// Of these the same ones each time.
const Requests& SharedRequests(Distribution distribution, std::size_t n);

// Threads that run side by side begin so far apart.
constexpr std::size_t FirstOf(std::size_t thread) { return thread * (Requests::kCount / 16 + 7); }

}  // namespace bench
