#include "pairs.h"

#include <optional>
#include <utility>

#include "bytes.h"

namespace kvcache::kvtool {
namespace {

using ParsedPair = std::expected<void, std::string>;

ParsedPair ParseText(std::string_view key_text, std::string_view value_text, std::string& key,
                     std::string& value) {
  if (value_text.ends_with('\r')) {
    return std::unexpected(
        "it ends in a carriage return; convert the line ends, or write \\r if it belongs to the "
        "value");
  }
  if (!Unescape(key_text, key) || !Unescape(value_text, value)) {
    return std::unexpected("a backslash must begin one of \\t \\n \\r \\\\");
  }
  return {};
}

ParsedPair ParseHex(std::string_view key_text, std::string_view value_text, std::string& key,
                    std::string& value) {
  auto key_bytes = FromHex(key_text);
  auto value_bytes = FromHex(value_text);
  if (!key_bytes || !value_bytes) {
    return std::unexpected("with --hex, key and value must be hex digits such as 0x6B0A");
  }
  key = *std::move(key_bytes);
  value = *std::move(value_bytes);
  return {};
}

ParsedPair ParseJson(std::string_view line, std::string& key, std::string& value) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 2 || !json.contains("key") || !json.contains("value")) {
    return std::unexpected(R"(it is not of the form {"key": "...", "value": "..."})");
  }
  auto key_bytes = FromJson(json["key"]);
  auto value_bytes = FromJson(json["value"]);
  if (!key_bytes || !value_bytes) {
    return std::unexpected(R"(key and value must be strings, or {"hex": "6b0a"} for other bytes)");
  }
  key = *std::move(key_bytes);
  value = *std::move(value_bytes);
  return {};
}

}  // namespace

void AppendPairLine(PairFormat format, bool json_hex, std::string_view key, std::string_view value,
                    std::string& out) {
  switch (format) {
    case PairFormat::kText:
      AppendEscaped(key, out);
      out += '\t';
      AppendEscaped(value, out);
      break;
    case PairFormat::kHex:
      out.append(ToHex(key)).append("\t").append(ToHex(value));
      break;
    case PairFormat::kJsonl:
      out += Json{{"key", ToJson(key, json_hex)}, {"value", ToJson(value, json_hex)}}.dump();
      break;
  }
  out += '\n';
}

ParsedPair ParsePairLine(PairFormat format, std::string_view line, std::string& key,
                         std::string& value) {
  if (format == PairFormat::kJsonl) return ParseJson(line, key, value);
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) {
    return std::unexpected("there is no tab between key and value");
  }
  const std::string_view key_text = line.substr(0, tab);
  const std::string_view value_text = line.substr(tab + 1);
  return format == PairFormat::kHex ? ParseHex(key_text, value_text, key, value)
                                    : ParseText(key_text, value_text, key, value);
}

}  // namespace kvcache::kvtool
