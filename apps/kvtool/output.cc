#include "output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/printable.h"

namespace kvcache::kvtool {

Output::Output() : terminal_(isatty(STDOUT_FILENO) != 0) {}

void Output::Write(std::string_view text) {
  std::string shown;
  if (terminal_) text = shown = PrintableText(text);
  WriteRaw(text);
}

void Output::WriteRaw(std::string_view text) {
  const std::size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  if (written != text.size() && error_ == 0) error_ = errno;
}

void Output::Line(std::string_view text) {
  Write(text);
  Write("\n");
}

Outcome<void> Output::Flush() {
  if (std::fflush(stdout) != 0 && error_ == 0) error_ = errno;
  if (error_ == 0) return {};
  return Failed(
      fmt::format("cannot write standard output: {}", std::generic_category().message(error_)));
}

void Complain(std::string_view message) {
  const std::string line = fmt::format("kvtool: {}\n", PrintableLine(message));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace kvcache::kvtool
