// The formats that traces come in, one file each. Reading, help and error texts draw on this list.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/error.h"
#include "simulate/byte_source.h"
#include "simulate/trace_reader.h"

namespace kvcache {

// A line that claims to be more requests is malformed: a few bytes of a file would keep whoever
// reads it busy for ever.
inline constexpr std::uint64_t kMostRequestsOfLine = std::uint64_t{1} << 24;

// The first bytes of a trace, some thousand if it has as many.
struct TraceSample {
  // The lines that are there completely, without their ends; not more than 100.
  std::vector<std::string_view> Lines() const;

  std::string_view bytes;
  bool whole;  // there are no more
};

struct TraceSource {
  std::unique_ptr<ByteSource> source;
  bool skip_bad = false;
  bool hex_keys = false;        // these two as in TraceOptions
  std::string parameters = {};  // what stands behind the format's name and a colon
};

struct TraceFormat {
  std::string_view name;
  std::string_view help;        // one line
  std::string_view parameters;  // their form, for help; empty if there are none
  // Whether a trace that begins so can be no other, above all no text.
  bool (*recognize)(const TraceSample& sample);
  Result<std::unique_ptr<TraceReader>> (*open)(TraceSource input);
};

// `text` first. The others are in the order in which they are tried.
std::span<const TraceFormat> TraceFormats();

// "text, csv, ..."
std::string TraceFormatNames();

// To be listed in trace_format.cc.
extern const TraceFormat kTextTrace;
extern const TraceFormat kCacheLibTrace;
extern const TraceFormat kCsvTrace;
extern const TraceFormat kLisTrace;
extern const TraceFormat kOracleGeneralTrace;
extern const TraceFormat kTwitterTrace;

}  // namespace kvcache
