// Another program, run to its end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "outcome.h"

namespace kvcache::kvtool {

struct ChildOutput {
  int status;  // its exit status, or 128 and the number of the signal that ended it
  std::string out;
  std::string errors;
};

// Runs `command`, found in PATH, without a shell, with `input` as its standard input. Fails if it
// cannot be started.
Outcome<ChildOutput> RunChild(const std::vector<std::string>& command, std::string_view input);

}  // namespace kvcache::kvtool
