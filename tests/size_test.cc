#include "kvcache/size.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace kvcache {
namespace {

TEST_CASE("sizes are read with and without a unit") {
  const std::pair<std::string_view, std::uint64_t> sizes[] = {
      {"0", 0},
      {"4096", 4096},
      {"7B", 7},
      {"64KiB", 65536},
      {"64K", 65536},
      {"64KB", 65536},
      {"64kb", 65536},
      {"64MiB", 67108864},
      {"64M", 67108864},
      {"64 MiB", 67108864},
      {"1.5GiB", 1610612736},
      {"0.5K", 512},
      {"0.3KiB", 307},  // whole bytes, rounded down
      {"2TiB", 2199023255552},
      {"1PiB", 1125899906842624},
      {"9007199254740993", 9007199254740993},  // no double holds it
      {"9223372036854775808", 9223372036854775808u},
      {"8192PiB", 9223372036854775808u},
      {"8192.0PiB", 9223372036854775808u},
      {"0000000000000000000000000000001", 1},
  };
  for (const auto& [text, bytes] : sizes) {
    CAPTURE(text);
    const Result<std::uint64_t> size = ParseSize(text);
    REQUIRE(size.has_value());
    CHECK(*size == bytes);
  }
}

TEST_CASE("what is not a size is refused, and the message says how to write one") {
  for (const std::string_view text :
       {"",      " ",   "abc",  "-1",        "+1",    " 1",  "1 ",  "1  K",
        "1e400", "1e3", "0x10", "12parsecs", "MiB",   ".5K", "1.K", "1.2.3",
        "1..5",  "nan", "inf",  "1,5K",      "1KiBs", "1BB", "1EiB"}) {
    CAPTURE(text);
    const Result<std::uint64_t> size = ParseSize(text);
    REQUIRE_FALSE(size.has_value());
    CHECK(size.error().code == ErrorCode::kInvalidArgument);
    CHECK(size.error().message ==
          "\"" + std::string(text) +
              "\" is not a size: write a number of bytes, or a number and B, KiB, MiB, GiB, TiB or "
              "PiB, as in 64MiB");
  }
}

TEST_CASE("sizes above 2^63 are refused") {
  const std::string endless(400, '9');
  for (const std::string& text :
       {std::string("9223372036854775809"), std::string("18446744073709551616"),
        std::string("8193PiB"), std::string("8192.5PiB"), endless, endless + ".5", endless + "K"}) {
    CAPTURE(text);
    const Result<std::uint64_t> size = ParseSize(text);
    REQUIRE_FALSE(size.has_value());
    CHECK(size.error().code == ErrorCode::kInvalidArgument);
    const std::string shown = text.size() > 40 ? text.substr(0, 40) + "..." : text;
    CHECK(size.error().message == "size \"" + shown + "\" is too large: at most 8192PiB");
  }
}

TEST_CASE("sizes are printed for people") {
  CHECK(FormatSize(0) == "0 B");
  CHECK(FormatSize(1023) == "1023 B");
  CHECK(FormatSize(1024) == "1.0 KiB");
  CHECK(FormatSize(1536) == "1.5 KiB");
  CHECK(FormatSize(1048575) == "1.0 MiB");  // not 1024.0 KiB
  CHECK(FormatSize(std::uint64_t{64} << 20) == "64.0 MiB");
  CHECK(FormatSize(std::uint64_t{3} << 40) == "3.0 TiB");
  CHECK(FormatSize(UINT64_MAX) == "16384.0 PiB");
}

TEST_CASE("what is printed can be read") {
  for (int power = 0; power < 63; ++power) {
    const std::uint64_t bytes = std::uint64_t{1} << power;
    CAPTURE(bytes);
    CHECK(ParseSize(FormatSize(bytes)) == bytes);
  }
}

}  // namespace
}  // namespace kvcache
