// Sizes as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kvcache/error.h"

namespace kvcache {

// "4096", "64KiB", "1.5GiB" (also "64K", "64KB" as binary units) to bytes.
// Errors: kInvalidArgument for anything else, negative or above 2^63.
Result<std::uint64_t> ParseSize(std::string_view text);

// "64.0 MiB", for people.
std::string FormatSize(std::uint64_t bytes);

}  // namespace kvcache
