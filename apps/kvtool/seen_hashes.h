// SeenHashes: a set of 64-bit hashes in about 16 bytes each, for traces of many million keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kvcache::kvtool {

class SeenHashes {
 public:
  // True when `hash` was not in the set. Hashes must be uniform: their low bits choose the slot.
  bool Insert(std::uint64_t hash) {
    if (2 * count_ >= slots_.size()) Grow();
    // Zero marks an empty slot; hash 0 shares the set's place with hash 1.
    if (!Place(hash == 0 ? 1 : hash)) return false;
    ++count_;
    return true;
  }

  std::size_t size() const { return count_; }

 private:
  bool Place(std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    for (; slots_[at] != 0; at = (at + 1) & mask) {
      if (slots_[at] == hash) return false;
    }
    slots_[at] = hash;
    return true;
  }

  void Grow() {
    const std::vector<std::uint64_t> old =
        std::exchange(slots_, std::vector<std::uint64_t>(2 * slots_.size()));
    for (const std::uint64_t hash : old) {
      if (hash != 0) Place(hash);
    }
  }

  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(1024);  // a power of two
  std::size_t count_ = 0;
};

}  // namespace kvcache::kvtool
