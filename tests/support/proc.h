// What the kernel says of this process, its children and this machine.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace kvcache::testing {

inline std::uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// Of /proc/meminfo: "MemTotal", "MemAvailable". 0 if it does not say.
inline std::uint64_t MachineBytes(std::string_view which) {
  std::ifstream file("/proc/meminfo");
  std::uint64_t kibibytes = 0;
  for (std::string name; file >> name >> kibibytes;) {
    if (name == std::string(which) + ":") return kibibytes << 10;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

// What waitpid says of a child process that does this, and then exits with 1 unless it has exited
// before; -1 if there can be none.
template <class F>
int StatusOfChild(F&& child) {
  const pid_t id = fork();
  if (id == 0) {
    std::forward<F>(child)();
    _exit(1);
  }
  int status = 0;
  return waitpid(id, &status, 0) == id && id > 0 ? status : -1;
}

}  // namespace kvcache::testing
