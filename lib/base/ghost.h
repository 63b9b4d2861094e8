// Ghost: remembers keys that left a cache lately, so that a miss can tell whether a somewhat larger
// cache would have been a hit. Ghost lists are ARC's (Megiddo and Modha, FAST '03); that both sides
// of a split have one is AC-Key's (Wu et al., USENIX ATC '20). Of many keys it remembers a sample
// by hash, as SHARDS does (Waldspurger et al., FAST '15), in a table of fixed size without lists.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace kvcache {

// Thread-safe, without locks: a race loses a remembered key at worst.
class Ghost {
 public:
  // Of a reach of so many keys, with four places for each; from 512 bytes to 64 KiB. Of more keys
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
    const double threshold = std::clamp(sampled * kAll, 1.0, static_cast<double>(kAll));
    reach_.store(keys, std::memory_order_relaxed);
    threshold_.store(static_cast<std::uint32_t>(threshold), std::memory_order_relaxed);
  }

  // These keys left, by their hashes.
  void Leave(std::span<const std::uint64_t> hashes) {
    std::uint64_t time = clock_.fetch_add(hashes.size(), std::memory_order_relaxed);
    for (const std::uint64_t hash : hashes) Remember(hash, time++);
  }

  // The key is about to be in the cache. One that it has no room for did not leave, and returns as
  // one that did.
  void Enter(std::uint64_t hash) { Remember(hash, clock_.load(std::memory_order_relaxed)); }

  // The key was missed: for how many that returned within reach it stands, mostly none. It is
  // forgotten.
  double Return(std::uint64_t hash) {
    if (!Sampled(hash)) return 0;
    std::atomic<std::uint64_t>& place = PlaceOf(hash);
    const std::uint64_t word = place.load(std::memory_order_relaxed);
    if (word == 0 || ((word ^ hash) & kTagMask) != 0) return 0;
    place.store(0, std::memory_order_relaxed);
    const std::uint64_t age = (clock_.load(std::memory_order_relaxed) - word) & kTimeMask;
    return age > reach_.load(std::memory_order_relaxed) ? 0 : KeysForOne();
  }

  // Keys that one in the sample stands for.
  double KeysForOne() const {
    return static_cast<double>(kAll) / threshold_.load(std::memory_order_relaxed);
  }

 private:
  // A place: a key's tag above the time when it left.
  static constexpr std::uint64_t kLeastPlaces = 64;
  static constexpr std::uint64_t kMostPlaces = 8192;
  static constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 40) - 1;
  static constexpr std::uint64_t kTagMask = ~kTimeMask;
  static constexpr std::uint32_t kAll = std::uint32_t{1} << 16;

  // Bits that neither the place nor the tag is made of.
  bool Sampled(std::uint64_t hash) const {
    return ((hash >> 24) & (kAll - 1)) < threshold_.load(std::memory_order_relaxed);
  }
  std::atomic<std::uint64_t>& PlaceOf(std::uint64_t hash) { return places_[(hash >> 10) & mask_]; }
  void Remember(std::uint64_t hash, std::uint64_t time) {
    if (!Sampled(hash)) return;
    PlaceOf(hash).store((hash & kTagMask) | (time & kTimeMask), std::memory_order_relaxed);
  }

  const std::uint64_t mask_;
  std::atomic<std::uint64_t> clock_{1};
  std::atomic<std::uint64_t> reach_{0};
  std::atomic<std::uint32_t> threshold_{kAll};
  const std::unique_ptr<std::atomic<std::uint64_t>[]> places_ =
      std::make_unique<std::atomic<std::uint64_t>[]>(mask_ + 1);
};

}  // namespace kvcache
