// Traces read to the end, as values that can be compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/error.h"
#include "simulate/trace_format.h"
#include "simulate/trace_reader.h"

namespace kvcache::testing {

struct ReadRequest {
  std::string key;
  std::uint64_t size;
  double time;
  std::uint64_t line;
  bool has_size;
  bool has_time;

  friend bool operator==(const ReadRequest&, const ReadRequest&) = default;
};

// Of a trace, at most 5,000 requests.
struct Reading {
  std::vector<ReadRequest> requests;
  std::optional<Error> error;  // that ended it
  std::uint64_t other_operations = 0;
  std::uint64_t bad_lines = 0;
  std::string first_bad_line;

  friend bool operator==(const Reading&, const Reading&) = default;
};

// Checks what every reader promises of requests and errors. The trace's name is "trace".
Reading ReadToEnd(Result<std::unique_ptr<TraceReader>> reader);

struct TraceBytes {
  std::string_view bytes;
  std::size_t piece = std::string_view::npos;  // the source gives so many at once
  bool skip_bad = false;
  std::string_view parameters = {};
};
Reading ReadTrace(const TraceFormat& format, const TraceBytes& trace);

}  // namespace kvcache::testing
