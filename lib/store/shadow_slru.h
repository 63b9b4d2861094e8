// ShadowSlru: whether RocksDB's LRUCache would have had a block if it were of another size, from
// the keys of its lookups alone. It keeps its order as that cache does: what is new goes into the
// lower part and leaves first, what is hit goes into the upper one, which has half of the room;
// "midpoint insertion", or segmented LRU (Karedla, Love and Wherry, IEEE Computer 1994).
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <new>
#include <unordered_map>

namespace kvcache {

// Not thread-safe.
class ShadowSlru {
 public:
  // Bytes that a block takes, with what malloc adds: nodes of list and map, up to two buckets.
  static constexpr std::size_t kBlockBytes = 96;

  // Of so many blocks. Those too many leave.
  void SetCapacity(std::size_t blocks) {
    capacity_ = blocks;
    Shrink();
  }
  // When full.
  std::size_t MemoryBytes() const { return capacity_ * kBlockBytes; }

  // Whether the block is there; it counts as hit.
  bool Touch(std::uint64_t block) {
    const auto found = places_.find(block);
    if (found == places_.end()) return false;
    Place& place = found->second;
    upper_.splice(upper_.begin(), place.upper ? upper_ : lower_, place.at);
    place.upper = true;
    Shrink();
    return true;
  }

  // A block that may be there, and then stays where it is. False when there is no memory for it.
  bool Insert(std::uint64_t block) {
    if (places_.contains(block)) return true;
    try {
      std::list<std::uint64_t> node{block};
      places_.emplace(block, Place{.at = node.begin()});
      lower_.splice(lower_.begin(), node);
    } catch (const std::bad_alloc&) {
      return false;
    }
    Shrink();
    return true;
  }

 private:
  struct Place {
    std::list<std::uint64_t>::iterator at;
    bool upper = false;
  };

  void Shrink() {
    while (upper_.size() > capacity_ / 2) {
      Place& place = places_.find(upper_.back())->second;
      lower_.splice(lower_.begin(), upper_, place.at);
      place.upper = false;
    }
    while (places_.size() > capacity_) {
      places_.erase(lower_.back());
      lower_.pop_back();
    }
  }

  std::size_t capacity_ = 0;
  std::list<std::uint64_t> upper_;
  std::list<std::uint64_t> lower_;
  std::unordered_map<std::uint64_t, Place> places_;
};

}  // namespace kvcache
