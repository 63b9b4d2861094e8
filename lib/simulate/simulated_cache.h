// A cache without values: an eviction policy at work, and what it hits and misses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/position_index.h"
#include "kvcache/policy.h"

namespace kvcache {

struct SimulatedCounts {
  std::uint64_t requests = 0;
  std::uint64_t misses = 0;
  std::uint64_t bytes = 0;  // requested; in a cache that counts objects as well
  std::uint64_t missed_bytes = 0;

  double miss_ratio() const { return Ratio(misses, requests); }
  double byte_miss_ratio() const { return Ratio(missed_bytes, bytes); }

 private:
  static double Ratio(std::uint64_t part, std::uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  }
};

// Not thread-safe. An object costs 24 bytes, 7 to 9 of index, and what the policy keeps.
class SimulatedCache {
 public:
  using MakePolicy = std::function<std::unique_ptr<Policy>(const PolicyContext&)>;

  // `capacity` in the unit of the sizes given to Request.
  SimulatedCache(const MakePolicy& make, std::uint64_t capacity);
  SimulatedCache(const SimulatedCache&) = delete;
  SimulatedCache& operator=(const SimulatedCache&) = delete;

  // True: a hit. `size` is what the object takes of the capacity if it is missed: 1 where objects
  // are counted. One that is larger than the capacity is not cached. A resident object keeps the
  // size with which it came.
  bool Request(std::uint64_t hash, std::uint32_t size);
  // Starts bringing in what a later Request of this hash will look at.
  void Prefetch(std::uint64_t hash) const { index_.Prefetch(hash); }

  std::size_t objects() const { return policy_->size(); }
  std::uint64_t used() const { return used_; }
  std::size_t MemoryBytes() const;
  std::size_t PolicyBytes() const { return policy_->MemoryBytes(); }

 private:
  struct Object {
    std::uint64_t hash;
    PolicyNode node;
    std::uint32_t size;
  };
  static_assert(sizeof(Object) == 24);

  friend class PositionIndex;
  std::uint64_t HashAt(std::uint32_t number) const { return At(number).hash; }

  // Objects never move, policies point to them.
  static constexpr std::size_t kChunk = 4096;

  Object& At(std::uint32_t number) const { return chunks_[number / kChunk][number % kChunk]; }
  static Object& Of(const PolicyNode& node);
  std::uint32_t NewObject();
  void EvictOne();

  const std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  std::vector<std::unique_ptr<Object[]>> chunks_;
  std::vector<std::uint32_t> free_;  // numbers of objects that left
  std::uint32_t made_ = 0;
  PositionIndex index_;
  std::unique_ptr<Policy> policy_;
};

}  // namespace kvcache
