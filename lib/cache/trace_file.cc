#include "cache/trace_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include "base/printable.h"

namespace kvcache {
namespace {

std::unexpected<Error> CannotWrite(const std::string& path) {
  return Fail(ErrorCode::kIoError, fmt::format("cannot write {}: {}", Printable(path),
                                               std::generic_category().message(errno)));
}

bool IsRegularFile(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Result<std::unique_ptr<TraceFile>> TraceFile::Create(const std::string& path, bool replace) {
  std::unique_ptr<TraceFile> file(new TraceFile(path));
  if (auto opened = file->Open(replace); !opened) return std::unexpected(std::move(opened.error()));
  return file;
}

Result<void> TraceFile::Open(bool replace) {
  constexpr int kFlags = O_WRONLY | O_CLOEXEC;
  descriptor_ = open(path_.c_str(), kFlags | O_CREAT | O_EXCL, 0666);
  made_ = descriptor_ >= 0;
  if (!made_ && errno == EEXIST) {
    if (!replace && IsRegularFile(path_)) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} exists; choose another name, or say that it may be replaced",
                              Printable(path_)));
    }
    // A link to a device or a pipe is followed, as /dev/stdout is one.
    const int links = IsRegularFile(path_) ? O_NOFOLLOW : 0;
    descriptor_ = open(path_.c_str(), kFlags | O_TRUNC | links);
    if (descriptor_ < 0 && errno == ELOOP) {
      return Fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{} is a symbolic link; name the file that it points to", Printable(path_)));
    }
  }
  if (descriptor_ < 0) return CannotWrite(path_);
  return {};
}

TraceFile::~TraceFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<void> TraceFile::Write(std::string_view text) {
  // In parts, so that as little waits in packed form.
  constexpr std::size_t kPart = std::size_t{128} << 10;
  while (!text.empty()) {
    compressor_->Add(text.substr(0, kPart), packed_);
    if (auto written = WritePacked(); !written) return written;
    text.remove_prefix(std::min(kPart, text.size()));
  }
  return {};
}

Result<void> TraceFile::Finish() {
  compressor_->Finish(packed_);
  if (auto written = WritePacked(); !written) return written;
  // Pipes and devices cannot, which says EINVAL.
  if (fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) return CannotWrite(path_);
  if (close(std::exchange(descriptor_, -1)) != 0) return CannotWrite(path_);
  return {};
}

void TraceFile::Abandon() {
  if (made_) unlink(path_.c_str());
}

Result<void> TraceFile::WritePacked() {
  std::string_view rest = packed_;
  while (!rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return CannotWrite(path_);
    bytes_ += static_cast<std::uint64_t>(written);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  packed_.clear();
  return {};
}

}  // namespace kvcache
