// A file or standard input as plain bytes, whatever it is compressed with.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kvcache/error.h"

namespace kvcache {

// Reads from front to back in constant memory. Not thread-safe.
class ByteSource {
 public:
  // `path` "-" is standard input. gzip and zstd are told by the first bytes, not by the name.
  // `name` is for messages; empty: the path. `interrupt`: as in TraceOptions.
  static Result<std::unique_ptr<ByteSource>> Open(const std::string& path,
                                                  const std::string& name = "", int interrupt = -1);

  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Some more bytes, valid until the next call; none at the end. Errors say whether the file could
  // not be read (kIoError) or is damaged (kCorruption).
  virtual Result<std::string_view> Next() = 0;

  // For messages; harmless on a terminal.
  const std::string& name() const { return name_; }

 protected:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}

 private:
  const std::string name_;
};

}  // namespace kvcache
