// Buckets: the slots of one shard's table. BucketMemory: where those of all shards lie.
//
// A table by itself is too small for huge pages. But shards fill alike and outgrow their tables at
// nearly the same time, so that tables of one size lie side by side in one mapping, which is large
// enough: a random hit then costs one walk of the page tables less.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace kvcache {

struct Buckets {
  std::size_t count;
  std::size_t bytes;                       // in whole pages, this header included
  std::atomic<std::size_t> longest_probe;  // buckets looked at for the worst-placed entry ever
  alignas(64) std::atomic<std::uint64_t> slots[8];  // 8 * count of them
};

// Thread-safe. Outlives what was taken of it.
class BucketMemory {
 public:
  explicit BucketMemory(std::size_t tables) : tables_(tables) {}

  // So many buckets for a table, or up to an eighth more or fewer if others have just taken that
  // many; all slots 0. Throws std::bad_alloc.
  Buckets* Take(std::size_t table, std::size_t count);
  // When no reader can be in them.
  void GiveBack(Buckets* buckets);

 private:
  // One place for each table, not to be taken twice: given back, it has no pages.
  struct Mapping {
    Mapping(std::size_t tables, std::size_t count);  // throws std::bad_alloc
    ~Mapping();
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    bool Suits(std::size_t table, std::size_t wanted) const;
    bool Holds(const Buckets* buckets) const;
    std::size_t bytes() const { return taken.size() * stride; }

    const std::size_t count;   // of buckets in a place
    const std::size_t stride;  // bytes of a place
    std::vector<bool> taken;
    char* const begin;
    std::size_t in_use = 0;
  };

  const std::size_t tables_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Mapping>> mappings_;  // the last one is that to take from
};

}  // namespace kvcache
