#include "simulate/trace_format.h"

#include <array>
#include <cstddef>

namespace kvcache {

std::vector<std::string_view> TraceSample::Lines() const {
  constexpr std::size_t kMost = 100;
  std::vector<std::string_view> lines;
  std::string_view rest = bytes;
  while (!rest.empty() && lines.size() < kMost) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos && !whole) break;
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  return lines;
}

std::span<const TraceFormat> TraceFormats() {
  // A function's own, so that it is made after the formats themselves, wherever those are.
  static const std::array kFormats = {kTextTrace,     kOracleGeneralTrace, kTwitterTrace,
                                      kCacheLibTrace, kCsvTrace,           kLisTrace};
  return kFormats;
}

std::string TraceFormatNames() {
  std::string names;
  for (const TraceFormat& format : TraceFormats()) {
    if (!names.empty()) names += ", ";
    names += format.name;
  }
  return names;
}

}  // namespace kvcache
