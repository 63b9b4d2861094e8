// Fuzz targets: functions of bytes that throw when a promise is broken. libFuzzer looks for such
// bytes (libfuzzer.cc), and what it has found before is replayed as a test (replay_test.cc).
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace kvcache::testing {

struct FuzzTarget {
  std::string_view name;  // of its folder in data/fuzz too
  void (*run)(std::string_view input);
};

// All there are; targets.cc lists them.
std::span<const FuzzTarget> FuzzTargets();

// `promise`, and what was got instead, is what a finding says.
inline void Require(bool holds, std::string_view promise, std::string_view got = {}) {
  if (!holds) throw std::logic_error(std::string(promise) + ": " + std::string(got));
}

// What a message to people must be: one line of bounded length, harmless on a terminal.
void RequireMessage(std::string_view message);

}  // namespace kvcache::testing
