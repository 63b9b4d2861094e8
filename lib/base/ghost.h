// Ghost: remembers keys that left a cache lately, so that a miss can tell whether a somewhat larger
// cache would have been a hit. Ghost lists are ARC's (Megiddo and Modha, FAST '03). Of many keys it
// remembers a sample, in a table of fixed size without lists.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/hash_sample.h"

namespace kvcache {

// Thread-safe, without locks: a race loses a remembered key at worst.
class Ghost {
 public:
  // Of a reach of so many keys, with four places for each; from 512 bytes to 256 KiB. Of more keys
  // it remembers a sample.
  explicit Ghost(std::uint64_t keys)
      : mask_(std::bit_ceil(std::clamp(keys * 4, kLeastPlaces, kMostPlaces)) - 1) {
    SetReach(keys);
  }

  std::size_t MemoryBytes() const { return (mask_ + 1) * sizeof(std::uint64_t); }

  // A key counts as returned when at most so many left after it.
  void SetReach(std::uint64_t keys) {
    // A quarter of the places in use: few keys take another's.
    const double sampled = static_cast<double>(mask_ + 1) / 4 / static_cast<double>(keys + 1);
    reach_.store(keys, std::memory_order_relaxed);
    sample_.SetShare(sampled);
  }

  // These keys left, by their hashes.
  void Leave(std::span<const std::uint64_t> hashes) {
    std::uint64_t time = clock_.fetch_add(hashes.size(), std::memory_order_relaxed);
    for (const std::uint64_t hash : hashes) Remember(hash, time++);
  }

  // The key was missed: for how many that returned within reach it stands, mostly none. It is
  // forgotten.
  double Return(std::uint64_t hash) {
    if (!sample_.Has(hash)) return 0;
    std::atomic<std::uint64_t>& place = PlaceOf(hash);
    const std::uint64_t word = place.load(std::memory_order_relaxed);
    if (word == 0 || ((word ^ hash) & kTagMask) != 0) return 0;
    place.store(0, std::memory_order_relaxed);
    const std::uint64_t age = (clock_.load(std::memory_order_relaxed) - word) & kTimeMask;
    return age > reach_.load(std::memory_order_relaxed) ? 0 : KeysForOne();
  }

  // Keys that one in the sample stands for.
  double KeysForOne() const { return sample_.KeysForOne(); }

 private:
  // A place: a key's tag above the time when it left.
  static constexpr std::uint64_t kLeastPlaces = 64;
  static constexpr std::uint64_t kMostPlaces = 32768;
  static constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 40) - 1;
  static constexpr std::uint64_t kTagMask = ~kTimeMask;

  // Place and tag are made of bits that the sample does not go by.
  std::atomic<std::uint64_t>& PlaceOf(std::uint64_t hash) { return places_[(hash >> 10) & mask_]; }
  void Remember(std::uint64_t hash, std::uint64_t time) {
    if (!sample_.Has(hash)) return;
    PlaceOf(hash).store((hash & kTagMask) | (time & kTimeMask), std::memory_order_relaxed);
  }

  const std::uint64_t mask_;
  std::atomic<std::uint64_t> clock_{1};
  std::atomic<std::uint64_t> reach_{0};
  HashSample sample_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> places_ =
      std::make_unique<std::atomic<std::uint64_t>[]>(mask_ + 1);
};

}  // namespace kvcache
