// `lis`: the traces of Megiddo and Modha's ARC (FAST 2003): a line is
// first block, number of blocks, 0, number of the request, and asks for each of the blocks, of
// which there are 2^24 at most.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>

#include "base/printable.h"
#include "simulate/line_trace_reader.h"

namespace kvcache {
namespace {

class LisParser final : public LineParser {
 public:
  Line Parse(std::string_view line, TraceRequest& request) override {
    repeats_ = 0;
    std::size_t count = 0;
    while (true) {
      const std::size_t begin = line.find_first_not_of(" \t");
      if (begin == std::string_view::npos) break;
      line.remove_prefix(begin);
      const std::string_view field = line.substr(0, line.find_first_of(" \t"));
      if (count == fields_.size()) return NoFields();
      if (!ParseNumber(field, fields_[count])) {
        return Malformed(fmt::format("\"{}\" is not a number", Excerpt(field)));
      }
      ++count;
      line.remove_prefix(field.size());
    }
    if (count < fields_.size()) return NoFields();
    const auto [first, blocks, ignored, number] = fields_;
    if (blocks == 0) return Malformed("0 blocks; the second number says how many are asked for");
    if (blocks > kMostRequestsOfLine) {
      return Malformed(
          fmt::format("{} blocks; a line asks for {} at most", blocks, kMostRequestsOfLine));
    }
    if (blocks - 1 > std::numeric_limits<std::uint64_t>::max() - first) {
      return Malformed("blocks with numbers beyond 2^64");
    }
    repeats_ = blocks;
    next_block_ = first;
    Repeat(request);
    return Line::kRequest;
  }

  void Repeat(TraceRequest& request) override {
    --repeats_;
    const auto written = std::to_chars(key_.data(), key_.data() + key_.size(), next_block_++);
    request = {.key = std::string_view(key_.data(), written.ptr)};
  }

  const std::array<std::uint64_t, 4>& fields() const { return fields_; }

 private:
  Line NoFields() {
    return Malformed("not 4 numbers; a line is first block, number of blocks, 0, request number");
  }

  std::array<std::uint64_t, 4> fields_ = {};
  std::uint64_t next_block_ = 0;
  std::array<char, 20> key_;
};

// Two lines or more, third numbers that are 0 and fourth ones that count up by one: texts whose
// keys are four numbers each have all reason to be something else.
bool RecognizeLis(const TraceSample& sample) {
  LisParser parser;
  TraceRequest request;
  std::uint64_t lines = 0;
  std::uint64_t number = 0;
  for (const std::string_view line : sample.Lines()) {
    if (parser.Parse(line, request) != LineParser::Line::kRequest) return false;
    if (parser.fields()[2] != 0) return false;
    if (lines++ > 0 && parser.fields()[3] != number + 1) return false;
    number = parser.fields()[3];
  }
  return lines >= 2;
}

}  // namespace

constinit const TraceFormat kLisTrace = {
    .name = "lis",
    .help = "ARC's block traces: first block, number of blocks, 0, request number",
    .parameters = "",
    .recognize = RecognizeLis,
    .open = OpenLines<LisParser>};

}  // namespace kvcache
