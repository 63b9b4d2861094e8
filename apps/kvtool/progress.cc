#include "progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "kvcache/size.h"

namespace kvcache::kvtool {
namespace {

constexpr auto kDrawInterval = std::chrono::milliseconds(100);
constexpr std::size_t kBarWidth = 14;

std::size_t TerminalWidth() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string Bar(double fraction) {
  const auto filled = static_cast<std::size_t>(fraction * kBarWidth);
  return fmt::format("[{:=<{}}{:{}}] {:3.0f} %", "", filled, "", kBarWidth - filled,
                     100 * fraction);
}

std::string TimeLeft(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds);
  const std::uint64_t minutes = whole / 60;
  return minutes < 60 ? fmt::format("{}:{:02} left", minutes, whole % 60)
                      : fmt::format("{}:{:02}:{:02} left", minutes / 60, minutes % 60, whole % 60);
}

}  // namespace

Progress::Progress(std::string_view verb, std::string_view unit, bool shown)
    : verb_(verb), unit_(unit), terminal_(shown && isatty(STDERR_FILENO) != 0) {}

void Progress::Update(const Done& done) {
  if (!terminal_) return;
  const auto now = Clock::now();
  if (now < next_draw_) return;
  next_draw_ = now + kDrawInterval;
  const std::chrono::duration<double> elapsed = now - start_;
  // A line that wraps could not be drawn over, so it is cut at the terminal's width.
  const std::string line = Render(done, elapsed.count()).substr(0, TerminalWidth() - 1);
  fmt::print(stderr, "\r{}\x1b[K", line);
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::Erase() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

std::string Progress::Render(const Done& done, double seconds) const {
  std::string line = verb_ + " ";
  std::string left;
  if (total_ && *total_ > 0) {
    const auto part = static_cast<double>(done.bytes.value_or(done.count));
    const double fraction = std::min(1.0, part / static_cast<double>(*total_));
    line += Bar(fraction) + "  ";
    if (fraction > 0) left = "  " + TimeLeft(seconds * (1 - fraction) / fraction);
  }
  line += fmt::format("{} {}", GroupDigits(done.count), unit_);
  if (done.bytes) line += "  " + FormatSize(*done.bytes);
  if (seconds > 0) {
    const auto rate = static_cast<std::uint64_t>(static_cast<double>(done.count) / seconds);
    line += fmt::format("  {}/s", GroupDigits(rate));
  }
  return line + left;
}

std::string GroupDigits(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

}  // namespace kvcache::kvtool
