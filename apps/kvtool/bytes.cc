#include "bytes.h"

#include <fmt/format.h>

#include <iterator>

namespace kvcache::kvtool {
namespace {

// The letter that stands for `byte` after a backslash; 0 when it needs no escape.
char EscapeLetter(char byte) {
  switch (byte) {
    case '\t':
      return 't';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\\':
      return '\\';
    default:
      return 0;
  }
}

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

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
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

// What the first byte of a character says: its size, and the least code point that may take so
// many bytes; size 0 when no character begins with it.
struct Lead {
  std::size_t size;
  std::uint32_t bits;
  std::uint32_t least;
};

Lead ReadLead(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if ((byte & 0xE0) == 0xC0) return {2, byte & 0x1Fu, 0x80};
  if ((byte & 0xF0) == 0xE0) return {3, byte & 0x0Fu, 0x800};
  if ((byte & 0xF8) == 0xF0) return {4, byte & 0x07u, 0x10000};
  return {0, 0, 0};
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t size = Utf8CharacterSize(bytes);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

// C0, DEL, and C1 in its UTF-8 form (C2 80 to C2 9F), which some terminals obey too.
bool IsControl(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

}  // namespace

std::string ToHex(std::string_view bytes) { return "0x" + HexDigits(bytes, "0123456789ABCDEF"); }

std::optional<std::string> FromHex(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::size_t Utf8CharacterSize(std::string_view text) {
  if (text.empty()) return 0;
  auto [size, code, least] = ReadLead(static_cast<unsigned char>(text[0]));
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte & 0x3Fu);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < least || code > 0x10FFFF || surrogate ? 0 : size;
}

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

namespace {

// Control characters, but those kept, and bytes that are not UTF-8 as \x1B; those of AppendEscaped
// as there, if so.
std::string Harmless(std::string_view bytes, std::string_view kept, bool escape_letters) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t size = Utf8CharacterSize(bytes);
    const std::string_view character = bytes.substr(0, size == 0 ? 1 : size);
    if (escape_letters && EscapeLetter(character[0]) != 0) {
      AppendEscaped(character, out);
    } else if (size == 0 || (IsControl(character) && !kept.contains(character))) {
      for (const char byte : character) {
        fmt::format_to(std::back_inserter(out), "\\x{:02X}", static_cast<unsigned char>(byte));
      }
    } else {
      out += character;
    }
    bytes.remove_prefix(character.size());
  }
  return out;
}

}  // namespace

std::string Printable(std::string_view bytes) { return Harmless(bytes, "", true); }

std::string WithoutControls(std::string_view text, std::string_view kept) {
  return Harmless(text, kept, false);
}

}  // namespace kvcache::kvtool
