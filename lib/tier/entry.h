// Entry: one key and value in memory, one block.
//
//   header (24 bytes) | key, padded to the alignment | value
//
// The header lies 24 bytes before a multiple of the alignment (16 or 64), so key and value begin
// at such multiples. Key, value and sizes never change while anyone can see the entry.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/pages.h"
#include "kvcache/policy.h"

namespace kvcache {

class Entry {
 public:
  // Larger keys and values are served but never cached.
  static constexpr std::uint32_t kMostKeyBytes = (std::uint32_t{1} << 24) - 1;
  static constexpr std::size_t kMostValueBytes = (std::size_t{1} << 32) - 1;

  enum Flag : std::uint8_t {
    kAbsent = 1,      // remembers that the store has no such key; the value is empty
    kOnHeap = 2,      // from malloc, never in the tier
    kLinked = 4,      // in its shard's table
    kOddPolicy = 8,   // ordered by a policy of odd generation (see shard.h)
    kWide = 48,       // aligned to so many bytes more than 16
    kWithdrawn = 64,  // not in the table any more, but still in the policy's order
  };

  // Bytes from the header to the value's end.
  static std::size_t Footprint(std::size_t key_size, std::size_t value_size,
                               std::size_t alignment) {
    return sizeof(Entry) + RoundUp(key_size, alignment) + value_size;
  }

  // In memory of Footprint bytes. One reference, the caller's.
  static Entry* Construct(void* memory, std::string_view key, std::string_view value,
                          std::uint8_t flags) {
    auto* entry = new (memory) Entry(key.size(), value.size());
    entry->set_flags(flags);
    if (!key.empty()) std::memcpy(entry->key_data(), key.data(), key.size());
    if (!value.empty()) std::memcpy(entry->value_data(), value.data(), value.size());
    return entry;
  }

  std::string_view key() const { return {key_data(), key_size_}; }
  // The same as key() == other, for short keys without a call.
  bool HasKey(std::string_view other) const {
    if (key_size_ != other.size()) return false;
    const char* mine = key_data();
    const char* theirs = other.data();
    if (other.size() < 8 || other.size() > 16) return EqualBytes(mine, theirs, other.size());
    const std::size_t last = other.size() - 8;  // two words, which may overlap
    return ((Word(mine) ^ Word(theirs)) | (Word(mine + last) ^ Word(theirs + last))) == 0;
  }
  std::string_view value() const { return {value_data(), value_size_}; }
  std::size_t alignment() const { return 16 + (flags() & std::size_t{kWide}); }
  std::size_t footprint() const { return Footprint(key_size_, value_size_, alignment()); }
  bool absent() const { return (flags() & kAbsent) != 0; }
  bool on_heap() const { return (flags() & kOnHeap) != 0; }
  bool withdrawn() const { return (flags() & kWithdrawn) != 0; }

  // Asks for the lines after the header's, where a hit's bytes mostly are. Inlined by force: g++ 12
  // takes a call of a function that only prefetches for one without effect.
  [[gnu::always_inline]] static void PrefetchValue(const Entry* entry) {
    const auto address = reinterpret_cast<std::uintptr_t>(entry);  // may be 0
    __builtin_prefetch(reinterpret_cast<const void*>(address + 64));
    __builtin_prefetch(reinterpret_cast<const void*>(address + 128));
  }

  // Changed under the shard's lock only. What was written to the entry before a flag was set is
  // seen by who sees the flag. Free blocks of the allocator keep their flags valid too: kLinked
  // off.
  std::uint8_t flags() const {
    return std::atomic_ref(const_cast<std::uint8_t&>(flags_)).load(std::memory_order_acquire);
  }
  void set_flags(std::uint8_t flags) {
    std::atomic_ref(flags_).store(flags, std::memory_order_release);
  }

  PolicyNode& node() { return node_; }
  static Entry& Of(PolicyNode& node) {
    return *reinterpret_cast<Entry*>(reinterpret_cast<char*>(&node) - offsetof(Entry, node_));
  }
  static const Entry& Of(const PolicyNode& node) { return Of(const_cast<PolicyNode&>(node)); }

  // References: one for the tier while it holds the entry, one for each Value.
  void Ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  // No Value has one beside the tier's.
  bool referenced_once() const { return refs_.load(std::memory_order_acquire) == 1; }
  // Returns true when it was the last.
  bool Unref() { return refs_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

 private:
  Entry(std::size_t key_size, std::size_t value_size)
      : value_size_(static_cast<std::uint32_t>(value_size)),
        key_size_(static_cast<std::uint32_t>(key_size) & kMostKeyBytes) {}

  [[gnu::noinline]] static bool EqualBytes(const char* a, const char* b, std::size_t size) {
    return size == 0 || std::memcmp(a, b, size) == 0;
  }
  static std::uint64_t Word(const char* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    return word;
  }

  const char* key_data() const { return reinterpret_cast<const char*>(this + 1); }
  char* key_data() { return reinterpret_cast<char*>(this + 1); }
  const char* value_data() const { return key_data() + RoundUp(key_size_, alignment()); }
  char* value_data() { return key_data() + RoundUp(key_size_, alignment()); }

  std::atomic<std::uint32_t> refs_{1};
  std::uint32_t value_size_;
  PolicyNode node_;
  std::uint32_t key_size_ : 24;
  std::uint8_t flags_;  // not initialised by the constructor: it is read in blocks of any state
};

static_assert(sizeof(Entry) == 24);

}  // namespace kvcache
