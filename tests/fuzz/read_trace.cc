#include "fuzz/read_trace.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "fuzz/target.h"
#include "simulate/byte_source.h"

namespace kvcache::testing {
namespace {

class PieceSource final : public ByteSource {
 public:
  PieceSource(std::string_view bytes, std::size_t piece)
      : ByteSource("trace"), rest_(bytes), piece_(piece) {}

  Result<std::string_view> Next() override {
    const std::string_view next = rest_.substr(0, piece_);
    rest_.remove_prefix(next.size());
    return next;
  }

 private:
  std::string_view rest_;
  const std::size_t piece_;
};

void RequireRequest(const TraceRequest& request, std::uint64_t last_line) {
  Require(!request.key.empty(), "a request has a key");
  Require(request.has_size == (request.size > 0), "a size that is known is 1 or more", request.key);
  Require(request.key_size <= request.size, "a key is a part of its object", request.key);
  Require(std::isfinite(request.time), "a time is a number", request.key);
  Require(request.has_time || request.time == 0, "a time is known or 0", request.key);
  Require(request.line >= std::max<std::uint64_t>(last_line, 1), "lines count up", request.key);
}

void RequireError(const Error& error) {
  RequireMessage(error.message);
  Require(error.message.contains("trace"), "an error names the trace or its format", error.message);
}

}  // namespace

Reading ReadToEnd(Result<std::unique_ptr<TraceReader>> reader) {
  constexpr std::size_t kMost = 5000;
  Reading reading;
  if (!reader) {
    RequireError(reader.error());
    reading.error = reader.error();
    return reading;
  }
  TraceRequest request;
  while (reading.requests.size() < kMost) {
    const Result<bool> more = (*reader)->Next(request);
    if (!more) {
      RequireError(more.error());
      reading.error = more.error();
      break;
    }
    if (!*more) break;
    RequireRequest(request, reading.requests.empty() ? 0 : reading.requests.back().line);
    reading.requests.push_back({std::string(request.key), request.size, request.time, request.line,
                                request.has_size, request.has_time});
  }
  reading.other_operations = (*reader)->other_operations();
  reading.bad_lines = (*reader)->bad_lines();
  reading.first_bad_line = (*reader)->first_bad_line();
  Require((reading.bad_lines == 0) == reading.first_bad_line.empty(), "bad lines are told");
  if (reading.bad_lines > 0) RequireMessage(reading.first_bad_line);
  return reading;
}

Reading ReadTrace(const TraceFormat& format, const TraceBytes& trace) {
  return ReadToEnd(format.open({.source = std::make_unique<PieceSource>(trace.bytes, trace.piece),
                                .skip_bad = trace.skip_bad,
                                .parameters = std::string(trace.parameters)}));
}

}  // namespace kvcache::testing
