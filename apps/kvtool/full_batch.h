// When commands that store many pairs write a batch of them.
#pragma once

#include <cstddef>

#include "kvcache/store.h"

namespace kvcache::kvtool {

// Enough to make the write's fixed cost small, little enough to be stored at once when the user
// interrupts.
inline bool IsFull(const Batch& batch) {
  constexpr std::size_t kPairs = 4096;
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  return batch.size() >= kPairs || batch.bytes() >= kBytes;
}

}  // namespace kvcache::kvtool
