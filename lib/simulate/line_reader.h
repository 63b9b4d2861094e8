// The lines of a text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kvcache/error.h"
#include "simulate/byte_source.h"

namespace kvcache {

// Streams in constant memory. Not thread-safe.
class LineReader {
 public:
  explicit LineReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  // Sets `line` to the next one without its end, "\n" or "\r\n", valid until the next call; false
  // after the last one, which may lack its end. One that is too long to be a line is an error of
  // kInvalidArgument; the next call returns the one after it.
  Result<bool> Next(std::string_view& line) {
    const std::size_t end = chunk_.find('\n');
    if (end == std::string_view::npos) return NextOfChunks(line);
    ++number_;
    line = WithoutReturn(chunk_.substr(0, end));
    chunk_.remove_prefix(end + 1);
    return true;
  }

  // Of the line last returned, from 1.
  std::uint64_t number() const { return number_; }

  // What is wrong with the line last returned, with the file's name and the line's number.
  Error Malformed(std::string_view reason) const;

 private:
  static std::string_view WithoutReturn(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  // A line that does not end in the chunk.
  Result<bool> NextOfChunks(std::string_view& line);

  const std::unique_ptr<ByteSource> source_;
  std::string_view chunk_;  // of the source, not yet returned
  std::string joined_;      // a line that lies in more than one chunk
  std::uint64_t number_ = 0;
};

}  // namespace kvcache
