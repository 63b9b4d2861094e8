// Memory that runs out where a test wants it to: operator new, aligned_alloc, mmap and mremap fail
// at the n-th request of a thread. The last three are the linker's doing (--wrap), in the library
// and the test alone.
#pragma once

#include <atomic>
#include <cstdint>

namespace kvcache::testing {

// What is left of this thread's requests until they fail; none do while it is negative.
extern thread_local std::int64_t requests_left;
// With how many a thread begins.
extern std::atomic<std::int64_t> requests_of_new_threads;

// What operator new has given this thread, less what the thread has given back.
extern thread_local std::int64_t blocks_held;

// While it exists the thread gets `granted` requests and no more.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::int64_t granted) { requests_left = granted; }
  ~MemoryLimit() { requests_left = -1; }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  bool reached() const { return requests_left == 0; }
};

}  // namespace kvcache::testing
