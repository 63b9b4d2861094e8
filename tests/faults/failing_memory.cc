#include "failing_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace kvcache::testing {

std::atomic<std::int64_t> requests_of_new_threads{-1};
thread_local std::int64_t requests_left = requests_of_new_threads;
thread_local std::int64_t blocks_held = 0;

static bool RequestFails() {
  if (requests_left < 0) return false;
  if (requests_left == 0) return true;  // and all that follow
  --requests_left;
  return false;
}

}  // namespace kvcache::testing

using kvcache::testing::blocks_held;
using kvcache::testing::RequestFails;

static void GiveBack(void* memory) {
  if (memory != nullptr) --blocks_held;
  std::free(memory);
}

void* operator new(std::size_t size) {
  void* memory = RequestFails() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  ++blocks_held;
  return memory;
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  void* memory = nullptr;
  if (RequestFails() || posix_memalign(&memory, static_cast<std::size_t>(alignment), size) != 0) {
    throw std::bad_alloc();
  }
  ++blocks_held;
  return memory;
}
void operator delete(void* memory) noexcept { GiveBack(memory); }
void operator delete(void* memory, std::size_t) noexcept { GiveBack(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { GiveBack(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { GiveBack(memory); }

extern "C" {

void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  return RequestFails() ? nullptr : __real_aligned_alloc(alignment, size);
}

void* __real_mmap(void* at, std::size_t size, int protection, int flags, int file, off_t from);
void* __wrap_mmap(void* at, std::size_t size, int protection, int flags, int file, off_t from) {
  if (!RequestFails()) {
    return __real_mmap(at, size, protection, flags, file, from);
  }
  errno = ENOMEM;
  return MAP_FAILED;
}

void* __real_mremap(void* at, std::size_t size, std::size_t new_size, int flags, ...);
void* __wrap_mremap(void* at, std::size_t size, std::size_t new_size, int flags, ...) {
  // A mapping that shrinks needs no memory.
  if (new_size <= size || !RequestFails()) {
    return __real_mremap(at, size, new_size, flags);
  }
  errno = ENOMEM;
  return MAP_FAILED;
}

}  // extern "C"
