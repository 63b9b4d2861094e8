#include "spool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <vector>

namespace kvcache::kvtool {
namespace {

std::unexpected<Failure> CannotKeep() {
  return Failed(
      fmt::format("cannot keep standard input in a temporary file: {}; is $TMPDIR, or "
                  "/tmp, writable and large enough?",
                  std::generic_category().message(errno)));
}

bool WriteFully(int descriptor, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(descriptor, bytes, size);
    if (written < 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

std::string TemporaryDirectory() {
  const char* directory = std::getenv("TMPDIR");
  return directory == nullptr ? "/tmp" : directory;
}

Spool::~Spool() {
  if (descriptor_ >= 0) close(descriptor_);
}

Outcome<void> Spool::CopyStandardInput() {
  std::string name = TemporaryDirectory() + "/kvtool-XXXXXX";
  descriptor_ = mkstemp(name.data());
  if (descriptor_ < 0) return CannotKeep();
  unlink(name.c_str());
  std::vector<char> buffer(std::size_t{1} << 18);
  while (true) {
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0) return Failed("cannot read standard input; is it closed?");
    if (got == 0) return {};
    if (!WriteFully(descriptor_, buffer.data(), static_cast<std::size_t>(got))) return CannotKeep();
  }
}

std::string Spool::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

}  // namespace kvcache::kvtool
