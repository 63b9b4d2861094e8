// PositionIndex: finds by a 64-bit hash where in its owner's array a thing lies.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/hash.h"
#include "base/pages.h"

namespace kvcache {

// Open addressing with linear probing, at most 3/5 full, without tombstones. A slot is 32 bits: the
// position plus one, and in the bits that positions leave over a tag of the hash, so that a search
// looks at few things but the one it is for. Costs 7 to 9 bytes a thing.
//
// The owner keeps the hashes: its HashAt(position) must give the hash under which a position was
// set. Not thread-safe.
class PositionIndex {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::size_t MemoryBytes() const { return slots_.capacity_bytes(); }
  void Prefetch(std::uint64_t hash) const {
    if (slots_.size() != 0) __builtin_prefetch(&slots_[Home(hash)]);
  }

  // Room for so many things, at positions below that number.
  template <class Owner>
  void Reserve(std::size_t count, const Owner& owner) {
    Rebuild(count * 5 / 3 + kSpare, BitsFor(count), owner);
  }

  // kNone when there is none.
  template <class Owner>
  std::uint32_t Find(std::uint64_t hash, const Owner& owner) const {
    if (slots_.size() == 0) return kNone;
    const std::uint32_t slot = slots_[FindSlot(hash, owner)];
    return slot == kFree ? kNone : PositionOf(slot);
  }

  // The position of a hash from now on, whether it had one before or not.
  template <class Owner>
  void Set(std::uint64_t hash, std::uint32_t position, const Owner& owner) {
    if ((count_ + 1) * 5 > slots_.size() * 3 || BitsFor(position) > position_bits_) {
      Rebuild(count_ * 5 / 3 + count_ / 2 + kSpare,
              std::max(position_bits_, BitsFor(position + position / 4)), owner);
    }
    std::uint32_t& slot = slots_[FindSlot(hash, owner)];
    if (slot == kFree) ++count_;
    slot = Slot(hash, position);
  }

  // Forgets a hash if its position is this one.
  template <class Owner>
  void Erase(std::uint64_t hash, std::uint32_t position, const Owner& owner) {
    if (slots_.size() == 0) return;
    const std::size_t slot = FindSlot(hash, owner);
    if (slots_[slot] == kFree || PositionOf(slots_[slot]) != position) return;
    FreeSlot(slot, owner);
    --count_;
    if (slots_.size() > 4 * kSpare && count_ * 5 < slots_.size()) {
      Rebuild(count_ * 5 / 3 + count_ / 2 + kSpare, position_bits_, owner);
    }
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::size_t kSpare = 64;

  static unsigned BitsFor(std::size_t position) {
    return static_cast<unsigned>(std::bit_width(position + 1));
  }
  std::uint32_t PositionOf(std::uint32_t slot) const { return (slot & position_mask_) - 1; }
  std::uint32_t Tag(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash) & ~position_mask_;
  }
  std::uint32_t Slot(std::uint64_t hash, std::uint32_t position) const {
    return Tag(hash) | (position + 1);
  }
  std::size_t Home(std::uint64_t hash) const { return ScaleHash(hash, slots_.size()); }
  std::size_t Next(std::size_t slot) const { return slot + 1 == slots_.size() ? 0 : slot + 1; }

  // Where the hash's slot is, or where it would go.
  template <class Owner>
  std::size_t FindSlot(std::uint64_t hash, const Owner& owner) const {
    const std::uint32_t tag = Tag(hash);
    std::size_t slot = Home(hash);
    for (; slots_[slot] != kFree; slot = Next(slot)) {
      if ((slots_[slot] & ~position_mask_) == tag &&
          owner.HashAt(PositionOf(slots_[slot])) == hash) {
        break;
      }
    }
    return slot;
  }

  // Moves later entries of the probe sequence up, so that no tombstone is needed.
  template <class Owner>
  void FreeSlot(std::size_t hole, const Owner& owner) {
    for (std::size_t slot = Next(hole); slots_[slot] != kFree; slot = Next(slot)) {
      const std::size_t home = Home(owner.HashAt(PositionOf(slots_[slot])));
      const bool home_in_gap =
          hole <= slot ? hole < home && home <= slot : hole < home || home <= slot;
      if (home_in_gap) continue;
      slots_[hole] = slots_[slot];
      hole = slot;
    }
    slots_[hole] = kFree;
  }

  template <class Owner>
  void Rebuild(std::size_t size, unsigned position_bits, const Owner& owner) {
    PageVector<std::uint32_t> old;
    old.resize(size);  // if that throws, nothing has changed
    std::swap(old, slots_);
    const std::uint32_t old_mask = position_mask_;
    position_bits_ = position_bits;
    position_mask_ = static_cast<std::uint32_t>((std::uint64_t{1} << position_bits) - 1);
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (old[i] == kFree) continue;
      const std::uint32_t position = (old[i] & old_mask) - 1;
      const std::uint64_t hash = owner.HashAt(position);
      std::size_t slot = Home(hash);
      while (slots_[slot] != kFree) slot = Next(slot);
      slots_[slot] = Slot(hash, position);
    }
  }

  PageVector<std::uint32_t> slots_;
  std::size_t count_ = 0;
  unsigned position_bits_ = 0;
  std::uint32_t position_mask_ = 0;
};

}  // namespace kvcache
