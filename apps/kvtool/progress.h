// Progress: a bar on standard error while it is a terminal, nothing otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvcache::kvtool {

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  struct Done {
    std::uint64_t count;                 // pairs, requests
    std::optional<std::uint64_t> bytes;  // of input read or output written
  };

  // "load" and "pairs", say. `shown`: not where the output has the terminal's lines to itself.
  Progress(std::string_view verb, std::string_view unit, bool shown = true);
  ~Progress() { Erase(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // What makes the whole, in bytes or else by count: for a bar and the time left.
  void set_total(std::optional<std::uint64_t> total) { total_ = total; }

  // Cheap: draws at most ten times a second.
  void Update(const Done& done);

  // Leaves the terminal's line empty, for messages.
  void Erase();

 private:
  std::string Render(const Done& done, double seconds) const;

  std::string verb_;
  std::string unit_;
  std::optional<std::uint64_t> total_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_draw_ = start_;
};

// "1,234,567"
std::string GroupDigits(std::uint64_t number);

}  // namespace kvcache::kvtool
