// Traces: the keys that somebody asked for, in order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kvcache/error.h"
#include "simulate/line_reader.h"

namespace kvcache {

struct TraceRequest {
  std::string_view key;    // valid until the next call of Next
  std::uint64_t size = 0;  // of the object in bytes, from 1; 0 where the trace does not say
  bool has_size = false;
  std::uint64_t line = 0;  // from 1
};

// A text trace: one request a line, `key` or `key,size`. Streams in constant memory. Not
// thread-safe.
class TraceReader {
 public:
  // `path` "-" is standard input; gzip and zstd are unpacked.
  static Result<std::unique_ptr<TraceReader>> Open(const std::string& path);

  // The next request; nullopt at the end. Errors: kInvalidArgument for a line that is none, with
  // file and line number; those of ByteSource.
  Result<std::optional<TraceRequest>> Next();

 private:
  explicit TraceReader(std::unique_ptr<ByteSource> source) : lines_(std::move(source)) {}

  LineReader lines_;
};

}  // namespace kvcache
