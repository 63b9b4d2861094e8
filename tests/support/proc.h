// What the kernel says of this process and this machine.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

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

}  // namespace kvcache::testing
