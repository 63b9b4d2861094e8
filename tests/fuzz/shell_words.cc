// Lines of kvtool's shell: words are what their quoted spelling is, for either shell.
#include "kvtool/shell_words.h"

#include <string>
#include <vector>

#include "fuzz/target.h"

namespace kvcache::testing {
namespace {

// How POSIX reads what QuoteForPosixShell writes: plain text, 'quoted' text and \' between.
std::string ReadAsPosix(std::string_view text) {
  std::string word;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      quoted = !quoted;
    } else if (text[i] == '\\' && !quoted) {
      word += text[++i];
    } else {
      Require(quoted || !std::string_view(" \t\n$`\"*?[#~&;|<>(){}!^").contains(text[i]),
              "a shell sees no special character", text);
      word += text[i];
    }
  }
  Require(!quoted && !text.empty(), "quotes are closed", text);
  return word;
}

}  // namespace

void FuzzShellWords(std::string_view input) {
  const std::string quoted = kvtool::QuoteForPosixShell(input);
  Require(ReadAsPosix(quoted) == input, "a POSIX shell reads the word back", quoted);
  const auto same = kvtool::SplitWords(quoted);
  Require(same && *same == std::vector{std::string(input)}, "so does kvtool's", quoted);

  const auto words = kvtool::SplitWords(input);
  if (!words) return RequireMessage(words.error());
  std::string line;
  for (const std::string& word : *words) line += " " + kvtool::QuoteForPosixShell(word);
  const auto again = kvtool::SplitWords(line);
  Require(again && *again == *words, "words that are quoted are the same words", line);
}

}  // namespace kvcache::testing
