// Lines of recorded traces: any key is one line that a trace reader takes for one request.
#include "cache/trace_line.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/hex.h"
#include "fuzz/input.h"
#include "fuzz/read_trace.h"
#include "fuzz/target.h"
#include "simulate/trace_format.h"

namespace kvcache::testing {
namespace {

std::string RequireLine(std::string_view key, std::size_t bytes) {
  const TraceLine traced(key, bytes);
  const std::string line(traced.view());
  Require(line.find('\n') == line.size() - 1, "a lookup is one line", line);
  const Reading reading = ReadTrace(kTextTrace, {.bytes = line});
  Require(!reading.error && reading.requests.size() == 1, "a line is a request", line);
  const ReadRequest& request = reading.requests.front();
  Require(request.size == std::max<std::size_t>(bytes, 1), "sizes are kept", line);
  if (key.size() <= TraceLine::kLongestKey) {
    Require(request.key == key || FromHex(request.key) == key, "a key can be told", line);
  }
  return request.key;
}

}  // namespace

void FuzzTraceLine(std::string_view input) {
  Input choices(input);
  const std::size_t bytes = std::size_t{1} << choices.Below(64);
  const std::string_view one = choices.Take(choices.Below(2048));
  const std::string_view other = choices.rest();
  const bool same = RequireLine(one, bytes - 1) == RequireLine(other, bytes);
  Require(same == (one == other), "different keys have different lines", one);
}

}  // namespace kvcache::testing
