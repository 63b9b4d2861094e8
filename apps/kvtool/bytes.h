// Keys and values are any bytes; these functions bring them into and out of readable forms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/hex.h"
#include "base/printable.h"

namespace kvcache::kvtool {

using Json = nlohmann::ordered_json;

// "0x6B0A", as RocksDB's ldb writes it.
std::string ToHex(std::string_view bytes);
// The reverse is FromHex, of base/hex.h.

// A string when the bytes are UTF-8, {"hex": "6b0a"} when not or when `hex` asks for it.
Json ToJson(std::string_view bytes, bool hex = false);
// The reverse; nullopt when `json` is neither.
std::optional<std::string> FromJson(const Json& json);

// Tab, newline, carriage return and backslash as \t \n \r \\; all other bytes as they are.
void AppendEscaped(std::string_view bytes, std::string& out);
// The reverse, into `out`; false when a backslash is followed by anything else.
bool Unescape(std::string_view text, std::string& out);

}  // namespace kvcache::kvtool
