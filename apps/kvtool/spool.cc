#include "spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/printable.h"
#include "write_fully.h"

namespace kvcache::kvtool {
namespace {

std::unexpected<Failure> CannotKeep(const std::string& name) {
  return Failed(
      fmt::format("cannot keep {} in a temporary file: {}; is $TMPDIR, or /tmp, writable and "
                  "large enough?",
                  Printable(name), std::generic_category().message(errno)));
}

// `action`: open, or read.
std::unexpected<Failure> CannotInput(std::string_view action, const std::string& name) {
  return Failed(fmt::format("cannot {} {}: {}", action, Printable(name),
                            std::generic_category().message(errno)));
}

}  // namespace

std::string TemporaryDirectory() {
  const char* directory = std::getenv("TMPDIR");
  return directory == nullptr ? "/tmp" : directory;
}

Spool::~Spool() {
  if (descriptor_ >= 0) close(descriptor_);
}

Outcome<void> Spool::Copy(const std::string& path, const std::string& name) {
  if (path == "-") return CopyFrom(STDIN_FILENO, name);
  const int input = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (input < 0) return CannotInput("open", name);
  auto copied = CopyFrom(input, name);
  close(input);
  return copied;
}

Outcome<void> Spool::CopyFrom(int input, const std::string& name) {
  std::string temporary = TemporaryDirectory() + "/kvtool-XXXXXX";
  descriptor_ = mkstemp(temporary.data());
  if (descriptor_ < 0) return CannotKeep(name);
  unlink(temporary.c_str());
  std::vector<char> buffer(std::size_t{1} << 18);
  while (true) {
    const ssize_t got = read(input, buffer.data(), buffer.size());
    if (got < 0) return CannotInput("read", name);
    if (got == 0) return {};
    if (!WriteFully(descriptor_, {buffer.data(), static_cast<std::size_t>(got)})) {
      return CannotKeep(name);
    }
  }
}

std::string Spool::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

}  // namespace kvcache::kvtool
