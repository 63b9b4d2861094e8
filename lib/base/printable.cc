#include "base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace kvcache {
namespace {

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

// C0, DEL, and C1 in its UTF-8 form (C2 80 to C2 9F), which some terminals obey too.
bool IsControl(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

// But those kept.
std::string Escape(std::string_view bytes, std::string_view kept) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t size = Utf8CharacterSize(bytes);
    const std::string_view character = bytes.substr(0, size == 0 ? 1 : size);
    const char letter = EscapeLetter(character[0]);
    const bool harmless = letter == 0 && size != 0 && !IsControl(character);
    if (harmless || kept.contains(character)) {
      out += character;
    } else if (letter != 0) {
      out.append({'\\', letter});
    } else {
      for (const char byte : character) {
        fmt::format_to(std::back_inserter(out), "\\x{:02X}", static_cast<unsigned char>(byte));
      }
    }
    bytes.remove_prefix(character.size());
  }
  return out;
}

}  // namespace

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

std::string Printable(std::string_view bytes) { return Escape(bytes, ""); }

std::string PrintableLine(std::string_view line) { return Escape(line, "\\"); }

std::string PrintableText(std::string_view text) { return Escape(text, "\\\n\t"); }

std::string Excerpt(std::string_view bytes, std::size_t most) {
  if (bytes.size() <= most) return Printable(bytes);
  std::size_t size = 0;
  // Not in the middle of a character.
  while (size < most) size += std::max<std::size_t>(1, Utf8CharacterSize(bytes.substr(size)));
  return Printable(bytes.substr(0, size)) + "...";
}

}  // namespace kvcache
