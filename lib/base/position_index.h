// PositionIndex: finds by a 64-bit hash where in its owner's array a thing lies.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/hash.h"
#include "base/pages.h"

namespace kvcache {

// Buckets of a cache line, fifteen slots each, at most 7/8 full; what finds its bucket full goes to
// one of the next, and full buckets count those that went on. So taking one out touches nothing
// else. A slot is 32 bits: the position plus one, and in the bits that positions leave over a tag
// of the hash, so that a search looks at few things but the one it is for. Costs 5 to 6 bytes a
// thing.
//
// The owner keeps the hashes: its HashAt(position) must give the hash under which a position was
// set. Not thread-safe.
class PositionIndex {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::size_t MemoryBytes() const { return buckets_.capacity_bytes(); }
  void Prefetch(std::uint64_t hash) const {
    if (buckets_.size() != 0) __builtin_prefetch(&buckets_[Home(hash)]);
  }

  // Room for so many things, at positions below that number.
  template <class Owner>
  void Reserve(std::size_t count, const Owner& owner) {
    Rebuild(count, BitsFor(count), owner);
  }

  // kNone when there is none.
  template <class Owner>
  std::uint32_t Find(std::uint64_t hash, const Owner& owner) const {
    if (buckets_.size() == 0) return kNone;
    const Place place = FindPlace(hash, owner);
    return place.found() ? PositionAt(place) : kNone;
  }

  // The position of a hash that has none.
  template <class Owner>
  void Add(std::uint64_t hash, std::uint32_t position, const Owner& owner) {
    const unsigned bits = BitsFor(position);
    if (count_ == most_ || bits > position_bits_) {
      Rebuild(count_ + count_ / 4, std::max(position_bits_, bits), owner);
    }
    Enter(hash, Slot(hash, position));
    ++count_;
  }

  // The position of a hash from now on, whether it had one before or not.
  template <class Owner>
  void Set(std::uint64_t hash, std::uint32_t position, const Owner& owner) {
    if (const std::uint32_t before = Find(hash, owner); before != kNone) Erase(hash, before, owner);
    Add(hash, position, owner);
  }

  // Forgets a hash, and returns the position that it had, which must not be kNone.
  template <class Owner>
  std::uint32_t Take(std::uint64_t hash, const Owner& owner) {
    const Place place = FindPlace(hash, owner);
    const std::uint32_t position = PositionAt(place);
    Leave(hash, place, owner);
    return position;
  }

  // Forgets that a hash has this position, if it has; no other hash may have it. Asks the owner for
  // no hash.
  template <class Owner>
  void Erase(std::uint64_t hash, std::uint32_t position, const Owner& owner) {
    if (buckets_.size() == 0 || position >= position_mask_) return;
    const std::uint32_t slot = Slot(hash, position);
    const std::size_t home = Home(hash);
    for (std::size_t number = home;;) {
      if (const std::uint32_t found = Match(buckets_[number], ~std::uint32_t{0}, slot);
          found != 0) {
        return Leave(hash, {number, static_cast<std::size_t>(std::countr_zero(found))}, owner);
      }
      if (buckets_[number].overflowed == 0) return;
      number = Next(number);
      if (number == home) return;
    }
  }

 private:
  static constexpr std::size_t kSlots = 15;
  static constexpr std::size_t kLeastBuckets = 4;
  static constexpr std::uint32_t kFree = 0;

  struct alignas(64) Bucket {
    std::uint32_t slots[kSlots];
    std::uint32_t overflowed;  // things at home here or before that had to go on
  };
  struct Place {
    std::size_t bucket;
    std::size_t slot;

    bool found() const { return slot < kSlots; }
  };

  static unsigned BitsFor(std::size_t position) {
    return static_cast<unsigned>(std::bit_width(position + 1));
  }
  std::uint32_t PositionAt(const Place& place) const {
    return (buckets_[place.bucket].slots[place.slot] & position_mask_) - 1;
  }
  std::uint32_t Tag(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash) & ~position_mask_;
  }
  std::uint32_t Slot(std::uint64_t hash, std::uint32_t position) const {
    return Tag(hash) | (position + 1);
  }
  std::size_t Home(std::uint64_t hash) const { return ScaleHash(hash, buckets_.size()); }
  std::size_t Next(std::size_t bucket) const {
    return bucket + 1 == buckets_.size() ? 0 : bucket + 1;
  }

  // Bit i: slot i, under the mask, is `wanted`.
  static std::uint32_t Match(const Bucket& bucket, std::uint32_t mask, std::uint32_t wanted) {
    constexpr std::uint32_t kAll = (1U << kSlots) - 1;
#ifdef __SSE2__
    const auto* lines = reinterpret_cast<const __m128i*>(&bucket);
    const __m128i masks = _mm_set1_epi32(static_cast<int>(mask));
    const __m128i wants = _mm_set1_epi32(static_cast<int>(wanted));
    const auto matches = [&](int i) {
      return _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(lines + i), masks), wants);
    };
    const __m128i low = _mm_packs_epi32(matches(0), matches(1));
    const __m128i high = _mm_packs_epi32(matches(2), matches(3));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(low, high))) & kAll;
#else
    std::uint32_t matches = 0;
    for (std::size_t i = 0; i < kSlots; ++i) {
      matches |= std::uint32_t{(bucket.slots[i] & mask) == wanted} << i;
    }
    return matches & kAll;
#endif
  }

  template <class Owner>
  Place FindPlace(std::uint64_t hash, const Owner& owner) const {
    const std::uint32_t tag = Tag(hash);
    const std::size_t home = Home(hash);
    for (std::size_t number = home;;) {
      const Bucket& bucket = buckets_[number];
      for (std::uint32_t left = Match(bucket, ~position_mask_, tag); left != 0; left &= left - 1) {
        const auto slot = static_cast<std::size_t>(std::countr_zero(left));
        // A free slot looks like one of tag 0.
        if (bucket.slots[slot] == kFree) continue;
        if (owner.HashAt((bucket.slots[slot] & position_mask_) - 1) == hash) return {number, slot};
      }
      if (bucket.overflowed == 0) return {number, kSlots};
      number = Next(number);
      if (number == home) return {number, kSlots};  // in a small index all may have overflowed
    }
  }

  void Enter(std::uint64_t hash, std::uint32_t slot) {
    for (std::size_t number = Home(hash);; number = Next(number)) {
      Bucket& bucket = buckets_[number];
      if (const std::uint32_t free = Match(bucket, ~std::uint32_t{0}, kFree); free != 0) {
        bucket.slots[std::countr_zero(free)] = slot;
        return;
      }
      ++bucket.overflowed;
    }
  }

  template <class Owner>
  void Leave(std::uint64_t hash, const Place& place, const Owner& owner) {
    buckets_[place.bucket].slots[place.slot] = kFree;
    for (std::size_t number = Home(hash); number != place.bucket; number = Next(number)) {
      --buckets_[number].overflowed;
    }
    --count_;
    if (buckets_.size() == kLeastBuckets || count_ >= most_ / 4) return;
    try {
      Rebuild(count_ + count_ / 4, position_bits_, owner);
    } catch (const std::bad_alloc&) {
      return;  // it stays large
    }
  }

  // With room for `count`.
  template <class Owner>
  void Rebuild(std::size_t count, unsigned position_bits, const Owner& owner) {
    const std::size_t size = std::max(kLeastBuckets, count * 8 / 7 / kSlots + 1);
    PageVector<Bucket> old;
    old.resize(size);  // if that throws, nothing has changed
    std::swap(old, buckets_);
    const std::uint32_t old_mask = position_mask_;
    most_ = size * kSlots * 7 / 8;
    position_bits_ = position_bits;
    position_mask_ = static_cast<std::uint32_t>((std::uint64_t{1} << position_bits) - 1);
    for (std::size_t i = 0; i < old.size(); ++i) {
      for (const std::uint32_t slot : old[i].slots) {
        if (slot == kFree) continue;
        const std::uint32_t position = (slot & old_mask) - 1;
        const std::uint64_t hash = owner.HashAt(position);
        Enter(hash, Slot(hash, position));
      }
    }
  }

  PageVector<Bucket> buckets_;
  std::size_t count_ = 0;
  std::size_t most_ = 0;
  unsigned position_bits_ = 0;
  std::uint32_t position_mask_ = 0;
};

}  // namespace kvcache
