// Bytes given as hex digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvcache {

// Upper or lower case, with "0x" or without; nullopt for anything else.
std::optional<std::string> FromHex(std::string_view text);

}  // namespace kvcache
