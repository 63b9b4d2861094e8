// `twitter`: the cache traces that Twitter published (Yang et al., OSDI 2020): no header, and a
// line timestamp,key,key size,value size,client id,operation,TTL.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/printable.h"
#include "simulate/line_trace_reader.h"
#include "simulate/operations.h"

namespace kvcache {
namespace {

constexpr std::array<std::string_view, 12> kOperations = {"get",     "gets", "set",    "add",
                                                          "replace", "cas",  "append", "prepend",
                                                          "delete",  "incr", "decr",   "touch"};

class TwitterParser final : public LineParser {
 public:
  Line Parse(std::string_view line, TraceRequest& request) override {
    request = {};
    // From both ends: keys are somebody's own and may have commas.
    std::string_view rest = line;
    const std::string_view time = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(time.size() + 1, rest.size()));
    std::array<std::string_view, 5> fields;
    for (std::size_t i = fields.size(); i-- > 0;) {
      const std::size_t comma = rest.rfind(',');
      if (comma == std::string_view::npos) return NoFields();
      fields[i] = rest.substr(comma + 1);
      rest.remove_suffix(rest.size() - comma);
    }
    const auto& [key_size, value_size, client, operation, ttl] = fields;
    std::uint64_t key_bytes = 0;
    std::uint64_t value_bytes = 0;
    if (rest.empty()) return Malformed("no key");
    if (!ParseNumber(time, request.time)) return NoNumber("timestamp", time);
    if (!ParseNumber(key_size, key_bytes)) return NoNumber("key size", key_size);
    if (!ParseNumber(value_size, value_bytes)) return NoNumber("value size", value_size);
    if (value_bytes > std::numeric_limits<std::uint64_t>::max() - key_bytes) {
      return Malformed("key size and value size together are beyond 2^64");
    }
    if (!IsKnown(operation)) {
      return Malformed(fmt::format("operation \"{}\" is none of {}", Excerpt(operation),
                                   fmt::join(kOperations, ", ")));
    }
    if (!IsGet(operation)) return Line::kOtherOperation;
    request.key = rest;
    request.size = key_bytes + value_bytes;
    request.key_size = key_bytes;
    request.has_size = request.size > 0;
    request.has_time = true;
    return Line::kRequest;
  }

 private:
  static bool IsKnown(std::string_view operation) {
    return std::ranges::any_of(kOperations, [operation](std::string_view known) {
      return EqualsIgnoringCase(operation, known);
    });
  }

  Line NoFields() {
    return Malformed(
        "not 7 fields; a line is timestamp,key,key size,value size,client id,operation,TTL");
  }

  Line NoNumber(std::string_view what, std::string_view text) {
    return Malformed(fmt::format("{} \"{}\" is not a number", what, Excerpt(text)));
  }
};

// A line of text has one comma at most.
bool RecognizeTwitter(const TraceSample& sample) {
  TwitterParser parser;
  return Parses(parser, sample);
}

}  // namespace

constinit const TraceFormat kTwitterTrace = {
    .name = "twitter",
    .help = "Twitter's cache traces; a size is the key's and the value's",
    .parameters = "",
    .recognize = RecognizeTwitter,
    .open = OpenLines<TwitterParser>};

}  // namespace kvcache
