#include "output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "write_fully.h"

namespace kvcache::kvtool {
namespace {

std::unexpected<Failure> CannotWrite(const std::string& path) {
  return Failed(fmt::format("cannot write {}: {}", path, std::generic_category().message(errno)));
}

// The permissions of the file that is replaced, if there is one.
Outcome<std::optional<mode_t>> CheckReplaceable(const std::string& path, bool force) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return std::nullopt;
  if (S_ISLNK(status.st_mode)) {
    return WrongCall(fmt::format("{} is a symbolic link; name the file that it points to", path));
  }
  if (S_ISDIR(status.st_mode)) {
    return WrongCall(fmt::format("{} is a directory; name a file", path));
  }
  if (!S_ISREG(status.st_mode)) {
    return WrongCall(fmt::format(
        "{} is not a regular file; name - instead and send standard output there: - > {}", path,
        path));
  }
  if (!force) {
    return WrongCall(
        fmt::format("{} exists; replace it with --force, or choose another name", path));
  }
  return status.st_mode & 0777;
}

// A name is on the disk when its directory is. One that may not be read cannot be opened for that,
// and some file systems do not do it: the name is then as safe as it can be.
bool SyncDirectoryOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  const int directory =
      open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return errno == EACCES;
  const bool synced = fsync(directory) == 0 || errno == EINVAL || errno == ENOTSUP;
  const int error = errno;
  close(directory);
  errno = error;
  return synced;
}

}  // namespace

Outcome<void> OutputFile::Check(const std::string& path, bool force) {
  // Creates a temporary file beside it, which is gone again at the end of the line.
  const auto file = Create(path, force);
  if (!file) return std::unexpected(file.error());
  return {};
}

Outcome<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path, bool force) {
  const auto old = CheckReplaceable(path, force);
  if (!old) return std::unexpected(old.error());
  // Who may not read what is replaced may not read what replaces it.
  auto file = Open(path, old->value_or(0666));
  if (file && *old) fchmod((*file)->descriptor_, **old);  // also what the umask has taken away
  return file;
}

Outcome<std::unique_ptr<OutputFile>> OutputFile::CreatePrivate(const std::string& path) {
  return Open(path, 0600);
}

Outcome<std::unique_ptr<OutputFile>> OutputFile::Open(const std::string& path, mode_t mode) {
  std::string temporary = fmt::format("{}.{}.partial", path, getpid());
  const int descriptor =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (descriptor < 0) return CannotWrite(temporary);
  return std::unique_ptr<OutputFile>(new OutputFile(path, std::move(temporary), descriptor));
}

OutputFile::OutputFile(std::string path, std::string temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

OutputFile::~OutputFile() {
  close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Outcome<void> OutputFile::Write(std::string_view bytes) {
  if (!WriteFully(descriptor_, bytes)) return CannotWrite(temporary_);
  return {};
}

Outcome<void> OutputFile::Commit() {
  if (fsync(descriptor_) != 0) return CannotWrite(temporary_);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return CannotWrite(path_);
  temporary_.clear();
  if (!SyncDirectoryOf(path_)) return CannotWrite(path_);
  return {};
}

}  // namespace kvcache::kvtool
