// How far down the LRU stack each request finds its object: all that there is to know about LRU at
// every size at once (Mattson, Gecsei, Slutz, Traiger 1970, "Evaluation techniques for storage
// hierarchies").
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/pages.h"
#include "simulate/key_numbers.h"
#include "simulate/simulated_cache.h"

namespace kvcache {

// For caches that count objects. Cost: O(log n) a request for n unique keys; about 44 bytes a key.
class StackDistances {
 public:
  StackDistances() { counts_.resize(kLeastTimes + 1); }

  // Counts a request for so many bytes. In an LRU cache of `size` objects it hits if its distance
  // is at most `size`.
  void Request(std::uint64_t hash, std::uint64_t bytes);

  std::uint64_t requests() const { return requests_.count; }
  // Of an LRU cache of so many objects.
  SimulatedCounts CountsAt(std::uint64_t size) const;

 private:
  struct Requests {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;

    void Add(const Requests& other) {
      count += other.count;
      bytes += other.bytes;
    }
  };

  static constexpr std::size_t kLeastTimes = 1 << 12;

  void Add(std::size_t time, std::int32_t change);
  std::uint32_t CountUpTo(std::size_t time) const;
  void Renumber();

  KeyNumbers keys_;
  PageVector<std::uint32_t> last_;    // by key: the time of its last request, from 1
  PageVector<std::uint32_t> counts_;  // a Fenwick tree: how many keys were last asked for when
  std::uint32_t now_ = 0;
  Requests requests_;                  // all
  std::vector<Requests> at_distance_;  // by distance - 1
};

}  // namespace kvcache
