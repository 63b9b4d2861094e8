#include "bytes.h"

namespace kvcache::kvtool {
namespace {

std::optional<char> EscapedByte(char letter) {
  switch (letter) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case '\\':
      return '\\';
    default:
      return std::nullopt;
  }
}

std::string HexDigits(std::string_view bytes, std::string_view digits) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    const auto number = static_cast<unsigned char>(byte);
    text += digits[number >> 4];
    text += digits[number & 15];
  }
  return text;
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t size = Utf8CharacterSize(bytes);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

}  // namespace

std::string ToHex(std::string_view bytes) { return "0x" + HexDigits(bytes, "0123456789ABCDEF"); }

Json ToJson(std::string_view bytes, bool hex) {
  if (hex || !IsUtf8(bytes)) return Json{{"hex", HexDigits(bytes, "0123456789abcdef")}};
  return Json(std::string(bytes));
}

std::optional<std::string> FromJson(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (!json.is_object() || json.size() != 1) return std::nullopt;
  const auto hex = json.find("hex");
  if (hex == json.end() || !hex->is_string()) return std::nullopt;
  return FromHex(hex->get_ref<const std::string&>());
}

void AppendEscaped(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) {
    const char letter = EscapeLetter(byte);
    if (letter != 0) out += '\\';
    out += letter != 0 ? letter : byte;
  }
}

bool Unescape(std::string_view text, std::string& out) {
  out.clear();
  while (!text.empty()) {
    const std::size_t plain = text.find('\\');
    out.append(text.substr(0, plain));
    if (plain == std::string_view::npos) return true;
    text.remove_prefix(plain + 1);
    const auto byte = text.empty() ? std::nullopt : EscapedByte(text[0]);
    if (!byte) return false;
    out += *byte;
    text.remove_prefix(1);
  }
  return true;
}

}  // namespace kvcache::kvtool
