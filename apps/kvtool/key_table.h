// KeyTable: what is to be known of each key of a trace, by the keys' hashes. A key takes 1.2 to 2.4
// times the size of hash and value: 28 to 56 bytes where the value has 16.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kvcache::kvtool {

template <class Value>
class KeyTable {
 public:
  // The value of the key with that hash, made if there is none. Valid until the next call.
  Value& operator[](std::uint64_t hash) {
    // Zero marks an empty slot; hash 0 shares the place of hash 1.
    return parts_[hash >> kShift].Find(hash == 0 ? 1 : hash);
  }

  std::size_t size() const {
    std::size_t size = 0;
    for (const Part& part : parts_) size += part.size();
    return size;
  }

  template <class Visit>
  void ForEach(Visit visit) const {
    for (const Part& part : parts_) part.ForEach(visit);
  }

 private:
  class Part {
   public:
    Value& Find(std::uint64_t hash) {
      if (20 * (count_ + 1) > 17 * slots_.size()) Grow();
      Slot& slot = Place(hash);
      if (slot.hash == 0) {
        slot.hash = hash;
        ++count_;
      }
      return slot.value;
    }

    std::size_t size() const { return count_; }

    template <class Visit>
    void ForEach(Visit& visit) const {
      for (const Slot& slot : slots_) {
        if (slot.hash != 0) visit(slot.value);
      }
    }

   private:
    struct Slot {
      std::uint64_t hash = 0;
      Value value = {};
    };

    // The hash's slot, or the empty one where it belongs.
    Slot& Place(std::uint64_t hash) {
      const std::size_t mask = slots_.size() - 1;
      std::size_t at = hash & mask;
      while (slots_[at].hash != 0 && slots_[at].hash != hash) at = (at + 1) & mask;
      return slots_[at];
    }

    void Grow() {
      const std::vector<Slot> old =
          std::exchange(slots_, std::vector<Slot>(slots_.empty() ? 16 : 2 * slots_.size()));
      for (const Slot& slot : old) {
        if (slot.hash != 0) Place(slot.hash) = slot;
      }
    }

    std::vector<Slot> slots_;  // none, or a power of two
    std::size_t count_ = 0;
  };

  // In parts, so that growing does not need the memory of the whole table once more.
  static constexpr int kShift = 58;
  std::array<Part, 64> parts_;
};

}  // namespace kvcache::kvtool
