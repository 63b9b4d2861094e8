// Value: a read-only handle on bytes that the cache returned, without copying them.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace kvcache {

class Entry;  // internal: one key and value in memory (lib/tier/entry.h)

// Keeps its bytes alive and unchanged for as long as it exists, however the entry fares: evicted,
// overwritten, deleted, the cache destroyed. Bytes whose entry left the memory tier while a Value
// still holds them are outside the capacity and counted as `pinned_bytes`, so do not hoard Values.
//
// The data is aligned to 16 bytes (Options::value_alignment: 64 on request), for SIMD readers.
// Copying costs one atomic operation, moving none.
//
// Thread-safety: as std::shared_ptr: distinct Values may be used by distinct threads at once, even
// when they hold the same bytes.
class Value {
 public:
  Value(const Value& other) noexcept;
  Value(Value&& other) noexcept
      : entry_(std::exchange(other.entry_, nullptr)),
        bytes_(std::exchange(other.bytes_, {})),
        hit_(other.hit_) {}
  Value& operator=(Value other) noexcept {
    std::swap(entry_, other.entry_);
    std::swap(bytes_, other.bytes_);
    std::swap(hit_, other.hit_);
    return *this;
  }
  ~Value() {
    if (entry_ != nullptr) Release();
  }

  std::string_view view() const noexcept { return bytes_; }
  // NOLINTNEXTLINE(google-explicit-constructor): a Value is meant to be used as its bytes
  operator std::string_view() const noexcept { return bytes_; }
  const char* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return bytes_.size(); }

  // True when the memory tier answered, false when the store was read for it.
  bool hit() const noexcept { return hit_; }

  // Internal: adopts one reference to `entry`.
  Value(Entry* entry, std::string_view bytes, bool hit) noexcept
      : entry_(entry), bytes_(bytes), hit_(hit) {}

 private:
  void Release() noexcept;

  Entry* entry_;  // null only after a move
  std::string_view bytes_;
  bool hit_;
};

}  // namespace kvcache
