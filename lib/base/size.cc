#include "kvcache/size.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <system_error>

#include "base/printable.h"

namespace kvcache {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{1} << 63;

// Each is 1024 times the one before.
constexpr std::array<std::string_view, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// "MiB", "MB" and "M", in any case, are 1024 * 1024.
std::optional<std::uint64_t> UnitBytes(std::string_view unit) {
  if (unit.empty()) return 1;
  for (std::size_t power = 0; power < kUnits.size(); ++power) {
    const std::string_view name = kUnits[power];
    const std::string short_name = fmt::format("{}B", name.front());
    if (EqualIgnoringCase(unit, name) || EqualIgnoringCase(unit, name.substr(0, 1)) ||
        (power > 0 && EqualIgnoringCase(unit, short_name))) {
      return std::uint64_t{1} << (10 * power);
    }
  }
  return std::nullopt;
}

std::unexpected<Error> TooLarge(std::string_view text) {
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("size \"{}\" is too large: at most 8192PiB", Excerpt(text)));
}

// Digits, and perhaps a point between them.
bool IsNumber(std::string_view text) {
  return !text.empty() && IsDigit(text.front()) && IsDigit(text.back()) &&
         std::ranges::count(text, '.') <= 1 &&
         std::ranges::all_of(text, [](char c) { return IsDigit(c) || c == '.'; });
}

// Of what IsNumber accepts; nullopt when `Number` cannot hold it.
template <class Number>
std::optional<Number> Parse(std::string_view number) {
  Number value{};
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<std::uint64_t> ParseSize(std::string_view text) {
  const std::size_t number_size = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, number_size);
  std::string_view unit = text.substr(number_size);
  if (unit.size() > 1 && unit.front() == ' ') unit.remove_prefix(1);

  const std::optional<std::uint64_t> unit_bytes = UnitBytes(unit);
  if (!IsNumber(number) || !unit_bytes) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is not a size: write a number of bytes, or a number and B, "
                            "KiB, MiB, GiB, TiB or PiB, as in 64MiB",
                            Excerpt(text)));
  }
  if (number.find('.') == std::string_view::npos) {
    const auto whole = Parse<std::uint64_t>(number);
    if (!whole || *whole > kLargest / *unit_bytes) return TooLarge(text);
    return *whole * *unit_bytes;
  }
  const auto fractional = Parse<double>(number);
  const double bytes = fractional.value_or(HUGE_VAL) * static_cast<double>(*unit_bytes);
  if (bytes > static_cast<double>(kLargest)) return TooLarge(text);
  return static_cast<std::uint64_t>(bytes);
}

std::string FormatSize(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes);
  std::size_t power = 0;
  // 1023.95 and more would be printed as 1024.0.
  while (amount >= 1023.95 && power + 1 < kUnits.size()) {
    amount /= 1024;
    ++power;
  }
  return fmt::format("{:.1f} {}", amount, kUnits[power]);
}

}  // namespace kvcache
