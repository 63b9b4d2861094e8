// The file of a recording.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/compressor.h"
#include "kvcache/error.h"

namespace kvcache {

// Written from front to back, and there from the beginning: what a crash leaves of it is a trace
// too. Not thread-safe.
class TraceFile {
 public:
  // Compressed as `path` ends. Refuses to replace a file unless `replace`; a device or a pipe is
  // written to. Out of memory: throws before there is a file.
  static Result<std::unique_ptr<TraceFile>> Create(const std::string& path, bool replace);

  ~TraceFile();
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  // Errors: kIoError, after which there is nothing more to be done with it.
  Result<void> Write(std::string_view text);
  // The last call: on the disk when this returns.
  Result<void> Finish();
  // In place of the calls above: a file that Create made is not left behind.
  void Abandon();

  std::uint64_t bytes() const { return bytes_; }  // written, as compressed

 private:
  explicit TraceFile(std::string path)
      : path_(std::move(path)), compressor_(Compressor::ForName(path_)) {}

  Result<void> Open(bool replace);
  Result<void> WritePacked();

  const std::string path_;
  int descriptor_ = -1;
  bool made_ = false;  // nothing was there before
  const std::unique_ptr<Compressor> compressor_;
  std::string packed_;
  std::uint64_t bytes_ = 0;
};

}  // namespace kvcache
