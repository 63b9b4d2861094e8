// The lines of a text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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

  // The next line without its end, "\n" or "\r\n", valid until the next call; nullopt after the
  // last one, which may lack its end.
  Result<std::optional<std::string_view>> Next();

  // Of the line last returned, from 1.
  std::uint64_t number() const { return number_; }

  // What is wrong with the line last returned, with the file's name and the line's number.
  std::unexpected<Error> Malformed(std::string_view reason) const;

 private:
  const std::unique_ptr<ByteSource> source_;
  std::string_view chunk_;  // of the source, not yet returned
  std::string joined_;      // a line that lies in more than one chunk
  std::uint64_t number_ = 0;
};

}  // namespace kvcache
