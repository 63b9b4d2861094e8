// Sizes, and kvtool's capacities: a text of which the size is read again in its plain spelling.
#include <cmath>
#include <cstdint>
#include <string>

#include "fuzz/target.h"
#include "kvcache/size.h"
#include "kvtool/flags.h"

namespace kvcache::testing {

void FuzzSizes(std::string_view input) {
  const auto size = ParseSize(input);
  if (size) {
    Require(*size <= std::uint64_t{1} << 63, "a size is at most 2^63", input);
    const std::string plain = std::to_string(*size);
    Require(ParseSize(plain) == *size, "a size is what its number of bytes is", plain);
    // To one decimal, of a number of 1 to 1023.9.
    const std::string rounded = FormatSize(*size);
    const auto again = ParseSize(rounded);
    Require(again.has_value(), "what is printed can be read", rounded);
    const double difference = static_cast<double>(*again) - static_cast<double>(*size);
    Require(std::abs(difference) <= 0.0501 * static_cast<double>(*size), "rounding is 5 %",
            rounded);
  } else {
    Require(size.error().code == ErrorCode::kInvalidArgument, "a text is the caller's", input);
    RequireMessage(size.error().message);
  }

  const auto capacity = kvtool::ParseCapacity(input);
  if (!capacity) return RequireMessage(capacity.error().message);
  Require(size ? capacity->bytes == *size && capacity->entries == 0 : capacity->bytes == 0,
          "a capacity is a size, or a number of entries", input);
}

}  // namespace kvcache::testing
