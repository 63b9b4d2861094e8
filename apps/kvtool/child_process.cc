#include "child_process.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include "write_fully.h"

namespace kvcache::kvtool {
namespace {

// A file in memory. A child's streams are such files and not pipes, so that neither side can wait
// for the other to read.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("kvtool", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }

  // Leaves the position, which the child shares, at the beginning.
  bool Fill(std::string_view bytes) const {
    return WriteFully(descriptor_, bytes) && lseek(descriptor_, 0, SEEK_SET) == 0;
  }

  std::optional<std::string> Content() const {
    std::string content;
    std::array<char, 65536> part;
    for (;;) {
      const ssize_t got =
          pread(descriptor_, part.data(), part.size(), static_cast<off_t>(content.size()));
      if (got < 0) return std::nullopt;
      if (got == 0) return content;
      content.append(part.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  int descriptor_;
};

std::unexpected<Failure> CannotRun(const std::string& name, int error) {
  return Failed(fmt::format("cannot run {}: {}", name, std::generic_category().message(error)));
}

// 0 or an errno.
int Spawn(const std::vector<std::string>& command, const std::array<int, 3>& streams,
          pid_t& child) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int i = 0; i < 3; ++i) {
    posix_spawn_file_actions_adddup2(&actions, streams[static_cast<std::size_t>(i)], i);
  }
  const int error =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

Outcome<ChildOutput> RunChild(const std::vector<std::string>& command, std::string_view input) {
  const MemoryFile in;
  const MemoryFile out;
  const MemoryFile errors;
  if (in.descriptor() < 0 || out.descriptor() < 0 || errors.descriptor() < 0 || !in.Fill(input)) {
    return CannotRun(command[0], errno);
  }
  pid_t child = 0;
  if (const int error =
          Spawn(command, {in.descriptor(), out.descriptor(), errors.descriptor()}, child);
      error != 0) {
    return CannotRun(command[0], error);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return CannotRun(command[0], errno);
  }
  auto written = out.Content();
  auto complaints = errors.Content();
  if (!written || !complaints) return CannotRun(command[0], errno);
  return ChildOutput{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                     std::move(*written), std::move(*complaints)};
}

}  // namespace kvcache::kvtool
