// Trace readers, a target a format: what they read does not depend on how it arrives, and what was
// read is the same after `kvtool trace convert` has written it in any format that can hold it.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "fuzz/input.h"
#include "fuzz/read_trace.h"
#include "fuzz/target.h"
#include "kvtool/trace_writer.h"
#include "simulate/trace_format.h"

namespace kvcache::testing {
namespace {

using kvtool::NextRequests;
using kvtool::TraceWriter;

NextRequests NextOf(const Reading& reading) {
  NextRequests next(reading.requests.size(), -1);
  std::map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < next.size(); ++i) {
    const auto [found, is_new] = last.try_emplace(reading.requests[i].key, i);
    if (is_new) continue;
    next[found->second] = static_cast<std::int64_t>(i) + 1;
    found->second = i;
  }
  return next;
}

// What is left of a request in a format that holds less than csv.
ReadRequest Kept(const TraceFormat& format, ReadRequest request) {
  request.line = 0;
  if (format.name == kCsvTrace.name) return request;
  if (format.name == kOracleGeneralTrace.name) {
    request.size = std::max<std::uint64_t>(request.size, 1);
    request.has_size = true;
    request.time = std::trunc(request.time);
    request.has_time = true;
    return request;
  }
  request.time = 0;
  request.has_time = false;
  if (format.name == kTextTrace.name) return request;
  request.size = 0;
  request.has_size = false;
  return request;
}

// A number that a format of numbers keeps as it is; other keys are hashed there, or refused.
bool IsNumber(std::string_view key) {
  return key.size() < 20 && (key == "0" || !key.starts_with('0')) &&
         key.find_first_not_of("0123456789") == std::string_view::npos;
}

void RequireWritable(const TraceFormat& format, const Reading& reading) {
  const NextRequests next = NextOf(reading);
  const auto writer = TraceWriter::Create(format.name, next);
  std::string written;
  writer->Begin(written);
  for (const ReadRequest& request : reading.requests) {
    const auto added = writer->Add({.key = request.key,
                                    .size = request.size,
                                    .time = request.time,
                                    .line = request.line,
                                    .has_size = request.has_size,
                                    .has_time = request.has_time},
                                   written);
    if (!added) return RequireMessage(added.error().message);
  }
  writer->Finish(written);

  const Reading again = ReadTrace(format, {.bytes = written});
  Require(!again.error, "what was written can be read", again.error ? again.error->message : "");
  Require(again.requests.size() == reading.requests.size(), "there are as many", written);
  for (std::size_t i = 0; i < reading.requests.size(); ++i) {
    ReadRequest want = Kept(format, reading.requests[i]);
    const ReadRequest got = Kept(format, again.requests[i]);
    if (format.name == kOracleGeneralTrace.name && !IsNumber(want.key)) want.key = got.key;
    Require(got == want, "a request is the same after it was written", got.key);
  }
}

void FuzzTrace(const TraceFormat& format, std::string_view input) {
  Input choices(input);
  const std::size_t piece = 1 + choices.Byte();
  const auto formats = TraceWriter::Formats();
  const std::string to = formats[choices.Below(formats.size())];
  TraceBytes trace;
  if (!format.parameters.empty()) trace.parameters = choices.TakeLine();
  trace.bytes = choices.rest();
  const Reading reading = ReadTrace(format, trace);

  trace.piece = piece;
  Require(ReadTrace(format, trace) == reading, "pieces make no difference");

  trace.skip_bad = true;
  const Reading skipping = ReadTrace(format, trace);
  Require(
      skipping.requests.size() >= reading.requests.size() &&
          std::equal(reading.requests.begin(), reading.requests.end(), skipping.requests.begin()),
      "what comes before a bad line is read in any case");
  if (!reading.error) Require(skipping == reading, "nothing is skipped where nothing is bad");
  if (reading.error && skipping.bad_lines > 0) {
    Require(skipping.first_bad_line == reading.error->message, "the first bad line is the error's");
  }

  for (const TraceFormat& other : TraceFormats()) {
    if (other.name == to) RequireWritable(other, skipping);
  }
}

}  // namespace

void FuzzTraceCacheLib(std::string_view input) { FuzzTrace(kCacheLibTrace, input); }
void FuzzTraceCsv(std::string_view input) { FuzzTrace(kCsvTrace, input); }
void FuzzTraceLis(std::string_view input) { FuzzTrace(kLisTrace, input); }
void FuzzTraceOracleGeneral(std::string_view input) { FuzzTrace(kOracleGeneralTrace, input); }
void FuzzTraceText(std::string_view input) { FuzzTrace(kTextTrace, input); }
void FuzzTraceTwitter(std::string_view input) { FuzzTrace(kTwitterTrace, input); }

}  // namespace kvcache::testing
