// Objects without values and the policy that orders them: what simulated caches are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/position_index.h"
#include "kvcache/policy.h"

namespace kvcache {

// Not thread-safe. An object costs 24 bytes, 7 to 9 of index, and what the policy keeps.
class SimulatedShard {
 public:
  using MakePolicy = std::function<std::unique_ptr<Policy>(const PolicyContext&)>;

  // `exact`: as in PolicyContext.
  SimulatedShard(const MakePolicy& make, bool exact);
  SimulatedShard(const SimulatedShard&) = delete;
  SimulatedShard& operator=(const SimulatedShard&) = delete;

  // Starts bringing in what a later call with this hash will look at.
  void Prefetch(std::uint64_t hash) const { index_.Prefetch(hash); }

  // True, and a hit for the policy, when the object is there.
  bool Hit(std::uint64_t hash);
  // A missed object comes: to be followed by the evictions that make room for it, and Insert with
  // the number returned.
  std::uint32_t Admit(std::uint64_t hash, std::uint32_t size);
  void Insert(std::uint32_t number);
  // The policy's victim leaves. There must be one.
  void Evict();

  Policy& policy() { return *policy_; }
  std::size_t objects() const { return policy_->size(); }
  std::uint64_t used() const { return used_; }  // the sizes of all
  std::size_t MemoryBytes() const;              // with the policy's
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
  static constexpr std::size_t kChunk = 1024;

  Object& At(std::uint32_t number) const { return chunks_[number / kChunk][number % kChunk]; }
  static Object& Of(const PolicyNode& node);
  std::uint32_t NewObject();

  std::uint64_t used_ = 0;
  std::vector<std::unique_ptr<Object[]>> chunks_;
  std::vector<std::uint32_t> free_;  // numbers of objects that left
  std::uint32_t made_ = 0;
  PositionIndex index_;
  std::unique_ptr<Policy> policy_;
};

}  // namespace kvcache
