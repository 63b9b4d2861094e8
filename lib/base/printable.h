// Bytes from outside as they may stand in a line for people, a message above all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kvcache {

// Bytes of the valid UTF-8 character at the beginning of `text`; 0 when there is none.
std::size_t Utf8CharacterSize(std::string_view text);

// The letter that stands for `byte` after a backslash, as in \t \n \r \\; 0 when it needs no
// escape.
char EscapeLetter(char byte);

// Harmless on a terminal: \t \n \r \\, and control characters and bytes that are not UTF-8 as \x1B.
std::string Printable(std::string_view bytes);

// The same of a line that may quote such text already: its backslashes stay as they are.
std::string PrintableLine(std::string_view line);

// The same of a text of several lines: newlines and tabs stay too.
std::string PrintableText(std::string_view text);

// Printable, and short: of what is longer than `most` bytes the beginning, and "...".
std::string Excerpt(std::string_view bytes, std::size_t most = 40);

}  // namespace kvcache
