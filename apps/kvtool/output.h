// Output: standard output, buffered, its errors kept until somebody asks.
#pragma once

#include <string_view>

#include "outcome.h"

namespace kvcache::kvtool {

class Output {
 public:
  Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  bool terminal() const { return terminal_; }

  // Control characters but newline and tab, which a terminal could obey, are escaped there.
  void Write(std::string_view text);
  void WriteRaw(std::string_view text);
  void Line(std::string_view text);

  // Failed when anything written so far could not be: disk full, closed.
  Outcome<void> Flush();

 private:
  bool terminal_;
  int error_ = 0;  // the first errno
};

// One line on standard error, after "kvtool: "; control characters in it, of a file's name perhaps,
// are shown as \x1B.
void Complain(std::string_view message);

}  // namespace kvcache::kvtool
