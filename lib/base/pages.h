// Memory in whole pages straight from the operating system, so that what is given up is given back
// and the resident size is what the accounts say.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "base/sanitizers.h"

namespace kvcache {

inline constexpr std::size_t kPageSize = 4096;
inline constexpr std::size_t kHugePageSize = std::size_t{2} << 20;

// To a multiple of a power of two.
constexpr std::size_t RoundUp(std::size_t n, std::size_t power) {
  return (n + power - 1) & ~(power - 1);
}

// Zeroed pages, touched by nobody yet; null when the system has no more.
inline void* MapPages(std::size_t bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  // A random hit then costs one page-table walk less. Only where a page's slack does not matter.
  if (bytes >= 4 * kHugePageSize) madvise(pages, bytes, MADV_HUGEPAGE);
  return pages;
}

inline void UnmapPages(void* pages, std::size_t bytes) { munmap(pages, bytes); }

// What is in `pages`, in more or fewer of them, perhaps elsewhere; null when the system has no
// more, and then nothing has changed.
inline void* RemapPages(void* pages, std::size_t bytes, std::size_t new_bytes) {
#ifdef KVCACHE_TSAN
  // ThreadSanitizer does not know mremap: it would take what another thread does at the old address
  // later for a race.
  void* moved = MapPages(new_bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, pages, std::min(bytes, new_bytes));
  UnmapPages(pages, bytes);
  return moved;
#else
  void* moved = mremap(pages, bytes, new_bytes, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? nullptr : moved;
#endif
}

// A vector of plain values that grows in place where it can, by an eighth, without leaving holes
// in the heap. Not thread-safe.
template <class T>
  requires std::is_trivially_copyable_v<T>
class PageVector {
 public:
  PageVector() = default;
  PageVector(PageVector&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  PageVector& operator=(PageVector other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~PageVector() {
    if (data_ != nullptr) UnmapPages(data_, bytes_);
  }

  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  std::size_t size() const { return size_; }
  std::size_t capacity_bytes() const { return bytes_; }

  void push_back(const T& value) {
    if ((size_ + 1) * sizeof(T) > bytes_) Grow(size_ + 1 + size_ / 8);
    data_[size_++] = value;
  }
  void pop_back() { --size_; }

  // New elements are zero.
  void resize(std::size_t size) {
    if (size * sizeof(T) > bytes_) Grow(size);
    for (std::size_t i = size_; i < size; ++i) data_[i] = T{};
    size_ = size;
  }

  // Gives back the pages beyond the last element, if the system can.
  void shrink_to_fit() {
    const std::size_t bytes = RoundUp(size_ * sizeof(T), kPageSize);
    if (bytes == bytes_ || bytes == 0) return;
    void* moved = RemapPages(data_, bytes_, bytes);
    if (moved == nullptr) return;
    data_ = static_cast<T*>(moved);
    bytes_ = bytes;
  }

 private:
  void Grow(std::size_t size) {
    const std::size_t bytes = RoundUp(size * sizeof(T), kPageSize);
    void* moved = data_ == nullptr ? MapPages(bytes) : RemapPages(data_, bytes_, bytes);
    if (moved == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(moved);
    bytes_ = bytes;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace kvcache
