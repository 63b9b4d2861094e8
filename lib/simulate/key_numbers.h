// Numbers for the keys of a trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/pages.h"
#include "base/position_index.h"

namespace kvcache {

// Unique hashes, numbered 0, 1, 2 ... in the order in which they first came. 15 to 17 bytes a key.
class KeyNumbers {
 public:
  // The number of a hash, and whether it is new.
  std::pair<std::uint32_t, bool> Number(std::uint64_t hash) {
    const std::uint32_t found = index_.Find(hash, *this);
    if (found != PositionIndex::kNone) return {found, false};
    const auto number = static_cast<std::uint32_t>(hashes_.size());
    hashes_.push_back(hash);
    index_.Add(hash, number, *this);
    return {number, true};
  }

  std::size_t size() const { return hashes_.size(); }
  std::uint64_t HashAt(std::uint32_t number) const { return hashes_[number]; }

 private:
  PageVector<std::uint64_t> hashes_;
  PositionIndex index_;
};

}  // namespace kvcache
