// Stopwatch: how long a call of the store took.
#pragma once

#include <chrono>
#include <cstdint>

namespace kvcache {

// Runs from when it is made.
class Stopwatch {
 public:
  std::uint64_t nanoseconds() const {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - begin_).count());
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin_ = Clock::now();
};

}  // namespace kvcache
