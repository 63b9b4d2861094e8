// Traces: the keys that somebody asked for, in order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kvcache/error.h"

namespace kvcache {

struct TraceRequest {
  std::string_view key;        // valid until the next call of Next
  std::uint64_t size = 0;      // of the object in bytes, from 1; 0 where the trace does not say
  std::uint64_t key_size = 0;  // that the key has in `size`; 0 where that is the value's alone
  double time = 0;             // in the trace's own unit
  std::uint64_t line = 0;      // or record of a binary trace, from 1
  bool has_size = false;
  bool has_time = false;
};

struct TraceOptions {
  // A name of TraceFormats() (trace_format.h), with its parameters after a colon; empty: told by
  // the content, which is read as text unless it is unmistakably something else.
  std::string format = {};
  // Malformed lines are left out and counted, instead of being an error.
  bool skip_bad = false;
  // Keys that begin with 0x are bytes as hex digits, as in recordings; others are as they are.
  bool hex_keys = false;
  // What messages call the trace; empty: its path.
  std::string name = {};
  // A descriptor, borrowed; once it can be read from, reading the trace fails, even where it waits
  // for more of it. -1 if there is none.
  int interrupt = -1;
};

// Streams in constant memory. Requests are reads: lines of other operations are left out and
// counted. Not thread-safe.
class TraceReader {
 public:
  // `path` "-" is standard input; gzip and zstd are unpacked.
  static Result<std::unique_ptr<TraceReader>> Open(const std::string& path,
                                                   const TraceOptions& options = {});

  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;
  virtual ~TraceReader() = default;

  // Replaces `request` by the next one; false at the end. Errors: kInvalidArgument for a line that
  // is malformed, with file, line number and reason; those of ByteSource.
  virtual Result<bool> Next(TraceRequest& request) = 0;

  // The format's name, found or asked for.
  std::string_view format() const { return format_; }

  // Whether reading goes on after `error`, which is counted then: of the caller's too, to whom a
  // request is malformed.
  bool Skips(const Error& error);

  // Of what has been read so far:
  std::uint64_t other_operations() const { return other_operations_; }  // writes, deletions, ...
  std::uint64_t bad_lines() const { return bad_lines_; }
  // What was wrong with the first of them, as Next would have told it; empty if there was none.
  const std::string& first_bad_line() const { return first_bad_line_; }

 protected:
  explicit TraceReader(bool skip_bad) : skip_bad_(skip_bad) {}

  void CountOtherOperation() { ++other_operations_; }

 private:
  const bool skip_bad_;
  std::string_view format_;
  std::uint64_t other_operations_ = 0;
  std::uint64_t bad_lines_ = 0;
  std::string first_bad_line_;
};

}  // namespace kvcache
