// Words of a command line: how the shell of kvtool reads them, and how a POSIX shell wants them.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::kvtool {

// Splits at spaces and tabs. 'single quotes' keep everything as it is; "double quotes" too, but
// for backslashes; a backslash, outside single quotes, begins \n \t \r \\ \' \" or \x1B, or keeps a
// following space. The error says what is wrong.
std::expected<std::vector<std::string>, std::string> SplitWords(std::string_view line);

// The word as a POSIX shell reads it back.
std::string QuoteForPosixShell(std::string_view word);

}  // namespace kvcache::kvtool
