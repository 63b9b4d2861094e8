// Pairs as lines of a file, for load and dump.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace kvcache::kvtool {

enum class PairFormat {
  kText,   // key TAB value; tab, newline, carriage return and backslash as \t \n \r \\ in both
  kHex,    // 0x6B TAB 0x76
  kJsonl,  // {"key": "k", "value": "v"}, with {"hex": "ff"} for what is not UTF-8
};

// Appends the pair as one line, newline included. `json_hex`: kJsonl writes hex throughout.
void AppendPairLine(PairFormat format, bool json_hex, std::string_view key, std::string_view value,
                    std::string& out);

// Reads a line without its newline. The error says what is wrong with it.
std::expected<void, std::string> ParsePairLine(PairFormat format, std::string_view line,
                                               std::string& key, std::string& value);

}  // namespace kvcache::kvtool
