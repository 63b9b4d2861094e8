// Traces of lines: what their formats have in common.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "base/hex.h"
#include "kvcache/error.h"
#include "simulate/line_reader.h"
#include "simulate/trace_format.h"
#include "simulate/trace_reader.h"

namespace kvcache {

// Reads the lines of one format, in order.
class LineParser {
 public:
  enum class Line {
    kRequest,
    kNoRequest,       // a header, say
    kOtherOperation,  // of the cache that was recorded, but no read
    kMalformed,       // reason() says why
    kUnreadable,      // reason() says why no line after it can be read either
  };

  LineParser() = default;
  LineParser(const LineParser&) = delete;
  LineParser& operator=(const LineParser&) = delete;
  virtual ~LineParser() = default;

  // Replaces `request` if the line is one. Its key may be a part of `line`, which stays as it is
  // until the next call.
  virtual Line Parse(std::string_view line, TraceRequest& request) = 0;

  // How many more requests the line last parsed is.
  std::uint64_t repeats() const { return repeats_; }
  // Replaces `request` by the next of them.
  virtual void Repeat(TraceRequest& /*request*/) {}

  const std::string& reason() const { return reason_; }

 protected:
  Line Malformed(std::string reason) {
    reason_ = std::move(reason);
    return Line::kMalformed;
  }
  Line Unreadable(std::string reason) {
    reason_ = std::move(reason);
    return Line::kUnreadable;
  }

  std::uint64_t repeats_ = 0;

 private:
  std::string reason_;
};

// A template, so that of the two virtual calls a request would take, one is left.
template <class Parser>
class LineTraceReader final : public TraceReader {
 public:
  template <class... Arguments>
  explicit LineTraceReader(TraceSource input, Arguments&&... arguments)
      : TraceReader(input.skip_bad),
        hex_keys_(input.hex_keys),
        lines_(std::move(input.source)),
        parser_(std::forward<Arguments>(arguments)...) {}

  Result<bool> Next(TraceRequest& request) override {
    if (parser_.repeats() > 0) {
      parser_.Repeat(request);
      DecodeKey(request.key);  // succeeds, as it did for the line's first request
      request.line = lines_.number();
      return true;
    }
    while (true) {
      std::string_view line;
      Result<bool> more = lines_.Next(line);
      if (!more) {
        if (Skips(more.error())) continue;
        return more;
      }
      if (!*more) return false;
      const LineParser::Line parsed = parser_.Parse(line, request);
      const bool is_request = parsed == LineParser::Line::kRequest;
      if (is_request && DecodeKey(request.key)) {
        request.line = lines_.number();
        return true;
      }
      if (parsed == LineParser::Line::kOtherOperation) {
        CountOtherOperation();
      } else if (parsed != LineParser::Line::kNoRequest) {
        Error error = lines_.Malformed(is_request ? kNotHex : parser_.reason());
        if (parsed == LineParser::Line::kUnreadable || !Skips(error)) {
          return std::unexpected(std::move(error));
        }
      }
    }
  }

 private:
  static constexpr std::string_view kNotHex =
      "a key that begins with 0x, but not with an even number of hex digits after it";

  // False if it should be hex digits and is not.
  bool DecodeKey(std::string_view& key) {
    if (!hex_keys_ || !key.starts_with("0x")) return true;
    auto bytes = FromHex(key);
    if (!bytes) return false;
    key_ = *std::move(bytes);
    key = key_;
    return true;
  }

  const bool hex_keys_;
  std::string key_;  // of the present request, if it was decoded
  LineReader lines_;
  Parser parser_;
};

// A TraceFormat's `open`, for parsers without parameters.
template <class Parser>
Result<std::unique_ptr<TraceReader>> OpenLines(TraceSource input) {
  return std::make_unique<LineTraceReader<Parser>>(std::move(input));
}

// Whether `parser` finds every line to be as it should.
template <class Parser>
bool Parses(Parser& parser, const TraceSample& sample) {
  const auto lines = sample.Lines();
  TraceRequest request;
  for (const std::string_view line : lines) {
    const LineParser::Line parsed = parser.Parse(line, request);
    if (parsed == LineParser::Line::kMalformed || parsed == LineParser::Line::kUnreadable) {
      return false;
    }
  }
  return !lines.empty();
}

// Whether all of `text` is a number, which `number` is set to only then.
template <class Number>
bool ParseNumber(std::string_view text, Number& number) {
  Number parsed{};
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc() || stopped != text.data() + text.size()) return false;
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(parsed)) return false;
  }
  number = parsed;
  return true;
}

}  // namespace kvcache
