#include "line_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace kvcache::kvtool {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;

Failure CannotRead(const std::string& name) {
  return {ExitStatus::kFailed,
          fmt::format("cannot read {}: {}", name, std::generic_category().message(errno))};
}

}  // namespace

Outcome<std::unique_ptr<LineReader>> LineReader::Open(const std::string& path,
                                                      Interrupts& interrupts) {
  if (path == "-") {
    return std::unique_ptr<LineReader>(new LineReader("standard input", STDIN_FILENO, interrupts));
  }
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::unexpected(CannotRead(path));
  return std::unique_ptr<LineReader>(new LineReader(path, descriptor, interrupts));
}

LineReader::LineReader(std::string name, int descriptor, Interrupts& interrupts)
    : name_(std::move(name)), descriptor_(descriptor), interrupts_(interrupts), buffer_(kChunk) {
  struct stat status;
  if (fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) {
    file_size_ = static_cast<std::uint64_t>(status.st_size);
  }
}

LineReader::~LineReader() {
  if (descriptor_ != STDIN_FILENO) close(descriptor_);
}

Outcome<std::optional<std::string_view>> LineReader::Next() {
  std::size_t searched = 0;  // bytes from begin_ on that hold no newline
  while (true) {
    const char* from = buffer_.data() + begin_;
    const void* newline = std::memchr(from + searched, '\n', end_ - begin_ - searched);
    if (newline != nullptr) {
      return Take(static_cast<std::size_t>(static_cast<const char*>(newline) - from), 1);
    }
    searched = end_ - begin_;
    const auto filled = Fill();
    if (!filled) return std::unexpected(filled.error());
    if (*filled) continue;
    // A last line without a newline counts; one cut off by an interrupt does not.
    if (searched == 0 || interrupts_.Raised()) return std::nullopt;
    return Take(searched, 0);
  }
}

std::string_view LineReader::Take(std::size_t size, std::size_t terminator) {
  const std::string_view line(buffer_.data() + begin_, size);
  begin_ += size + terminator;
  bytes_ += size + terminator;
  return line;
}

Outcome<bool> LineReader::Fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  pollfd waiting[] = {{descriptor_, POLLIN, 0}, {interrupts_.descriptor(), POLLIN, 0}};
  while (poll(waiting, 2, -1) < 0) {
    if (errno != EINTR) return std::unexpected(CannotRead(name_));
  }
  if (interrupts_.Raised()) return false;
  const ssize_t size = read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
  if (size < 0) return std::unexpected(CannotRead(name_));
  end_ += static_cast<std::size_t>(size);
  return size > 0;
}

}  // namespace kvcache::kvtool
