#include "shell_words.h"

#include <cstddef>
#include <optional>

#include "bytes.h"

namespace kvcache::kvtool {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

class Splitter {
 public:
  explicit Splitter(std::string_view line) : rest_(line) {}

  std::expected<std::vector<std::string>, std::string> Split() {
    std::vector<std::string> words;
    while (SkipSpaces()) {
      std::string word;
      while (!rest_.empty() && !kSpaces.contains(rest_.front())) {
        if (const char* wrong = TakePiece(word)) return std::unexpected(wrong);
      }
      words.push_back(std::move(word));
    }
    return words;
  }

 private:
  // False at the end of the line.
  bool SkipSpaces() {
    while (!rest_.empty() && kSpaces.contains(rest_.front())) rest_.remove_prefix(1);
    return !rest_.empty();
  }

  char TakeByte() {
    const char byte = rest_.front();
    rest_.remove_prefix(1);
    return byte;
  }

  // Appends a quoted run or one byte to the word; what is wrong, or null.
  const char* TakePiece(std::string& word) {
    const char byte = TakeByte();
    if (byte == '\\') return TakeEscape(word);
    if (byte != '\'' && byte != '"') {
      word += byte;
      return nullptr;
    }
    while (!rest_.empty() && rest_.front() != byte) {
      const char inside = TakeByte();
      if (inside != '\\' || byte == '\'') {
        word += inside;
      } else if (const char* wrong = TakeEscape(word)) {
        return wrong;
      }
    }
    if (rest_.empty()) return "a quote is not closed";
    rest_.remove_prefix(1);
    return nullptr;
  }

  const char* TakeEscape(std::string& word) {
    constexpr const char* kUnknown =
        "a backslash must begin one of \\n \\t \\r \\\\ \\' \\\" \\x1B, or come before a space";
    if (rest_.empty()) return kUnknown;
    if (std::string_view(" '\"").contains(rest_.front())) {
      word += TakeByte();
      return nullptr;
    }
    const bool hex = rest_.front() == 'x';
    const auto bytes = hex ? FromHex(rest_.substr(1, 2)) : UnescapeOne(rest_.front());
    if (!bytes || bytes->size() != 1) return kUnknown;
    word += *bytes;
    rest_.remove_prefix(hex ? 3 : 1);
    return nullptr;
  }

  static std::optional<std::string> UnescapeOne(char letter) {
    std::string byte;
    if (!Unescape(std::string{'\\', letter}, byte)) return std::nullopt;
    return byte;
  }

  std::string_view rest_;
};

}  // namespace

std::expected<std::vector<std::string>, std::string> SplitWords(std::string_view line) {
  return Splitter(line).Split();
}

std::string QuoteForPosixShell(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string quoted = "'";
  for (const char byte : word) {
    if (byte == '\'') {
      quoted += "'\\''";
    } else {
      quoted += byte;
    }
  }
  return quoted + "'";
}

}  // namespace kvcache::kvtool
