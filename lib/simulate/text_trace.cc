// `text`: `key` or `key,size` a line.
#include <fmt/format.h>

#include <cstddef>

#include "base/printable.h"
#include "simulate/line_trace_reader.h"

namespace kvcache {
namespace {

class TextParser final : public LineParser {
 public:
  Line Parse(std::string_view line, TraceRequest& request) override {
    const std::size_t comma = line.find(',');
    request = {.key = line.substr(0, comma)};
    if (request.key.empty()) return Malformed("no key; a line is `key` or `key,size`");
    if (comma == std::string_view::npos) return Line::kRequest;
    const std::string_view size = line.substr(comma + 1);
    if (!ParseNumber(size, request.size) || request.size == 0) {
      return Malformed(fmt::format(
          "size \"{}\" is not a number of bytes, 1 or more; a line is `key` or `key,size`",
          Excerpt(size)));
    }
    request.has_size = true;
    return Line::kRequest;
  }
};

// What no other format recognizes is text.
bool RecognizeText(const TraceSample& /*sample*/) { return false; }

}  // namespace

constinit const TraceFormat kTextTrace = {.name = "text",
                                          .help = "key, or key,size in bytes, a line",
                                          .parameters = "",
                                          .recognize = RecognizeText,
                                          .open = OpenLines<TextParser>};

}  // namespace kvcache
