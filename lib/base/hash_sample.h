// HashSample: a share of keys, by bits of their hashes, so that a key is in it always or never; as
// SHARDS samples (Waldspurger et al., FAST '15).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace kvcache {

// Thread-safe, without locks.
class HashSample {
 public:
  // From one key in 65,536 to all.
  void SetShare(double share) {
    const double threshold = std::clamp(share * kAll, 1.0, static_cast<double>(kAll));
    threshold_.store(static_cast<std::uint32_t>(threshold), std::memory_order_relaxed);
  }

  // By bits 24 to 39: others are free for those who tell the keys in it apart.
  bool Has(std::uint64_t hash) const {
    return ((hash >> 24) & (kAll - 1)) < threshold_.load(std::memory_order_relaxed);
  }

  // Keys that one in the sample stands for.
  double KeysForOne() const {
    return static_cast<double>(kAll) / threshold_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t kAll = std::uint32_t{1} << 16;

  std::atomic<std::uint32_t> threshold_{kAll};
};

}  // namespace kvcache
