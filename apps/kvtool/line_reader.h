// LineReader: lines of a file or of standard input, in constant memory, interruptible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interrupts.h"
#include "outcome.h"

namespace kvcache::kvtool {

class LineReader {
 public:
  // `path` "-": standard input. `interrupts` is borrowed.
  static Outcome<std::unique_ptr<LineReader>> Open(const std::string& path, Interrupts& interrupts);

  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its newline, valid until the next call; nullopt at the end, and as soon
  // as an interrupt comes, even while waiting for input.
  Outcome<std::optional<std::string_view>> Next();

  // Bytes of the lines returned so far.
  std::uint64_t bytes() const { return bytes_; }
  // Of a regular file.
  std::optional<std::uint64_t> file_size() const { return file_size_; }

 private:
  LineReader(std::string name, int descriptor, Interrupts& interrupts);

  std::string_view Take(std::size_t size, std::size_t terminator);
  // Appends what can be read to the buffer; false at the end or on an interrupt.
  Outcome<bool> Fill();

  std::string name_;
  int descriptor_;
  Interrupts& interrupts_;
  std::optional<std::uint64_t> file_size_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // [begin_, end_) of the buffer is not yet returned
  std::size_t end_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace kvcache::kvtool
