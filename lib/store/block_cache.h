// BlockCache: RocksDB's block cache, as the other side of a memory budget, and the bound of the
// memtables, which are neither side's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace kvcache {

// Thread-safe.
class BlockCache {
 public:
  virtual ~BlockCache() = default;

  // In bytes, as all figures. Blocks that no longer fit leave before it returns.
  virtual void SetCapacity(std::uint64_t bytes) = 0;
  virtual std::uint64_t capacity() const = 0;
  virtual std::uint64_t used() const = 0;

  // How much larger a cache is to be thought of by `returned`; 0: of none. Thinking of it takes a
  // few hundred KiB of the capacity at most.
  virtual void SetReach(std::uint64_t bytes) = 0;

  struct Misses {
    std::uint64_t blocks = 0;
    double returned = 0;  // how many fewer there would have been with a reach more; estimated
    double noise = 0;     // variance of that

    Misses& operator+=(const Misses& other) {
      blocks += other.blocks;
      returned += other.returned;
      noise += other.noise;
      return *this;
    }
    Misses operator-(const Misses& other) const {
      return {blocks - other.blocks, returned - other.returned, noise - other.noise};
    }
  };
  // Of this thread so far, in any such cache.
  static Misses OfThread();
  // By how much one more would raise `returned`.
  virtual double ReturnedByOne() const = 0;
  // Blocks missed since it was made.
  virtual std::uint64_t misses() const = 0;

  // Bytes of a block, by those that entered; 0 while none has.
  virtual std::uint64_t mean_block_bytes() const = 0;

  // Whether the blocks that gets miss enter it, as they do at first. Those of scans always do.
  void FillByGets(bool fill) { filled_by_gets_.store(fill, std::memory_order_relaxed); }
  bool filled_by_gets() const { return filled_by_gets_.load(std::memory_order_relaxed); }

  // Memtables of the database that uses it are flushed rather than take more, all together. One
  // call at a time; not after the database is closed.
  virtual void SetMemtableBytes(std::uint64_t bytes) = 0;

 private:
  std::atomic<bool> filled_by_gets_{true};
};

// In bytes.
struct BlockCacheOptions {
  std::uint64_t capacity = 0;
  std::uint64_t least = 0;  // that the capacity will be: in how many parts it may be
  std::uint64_t reach = 0;  // see SetReach
  std::uint64_t memtables = 0;
};

// For OpenRocksDb. LRU, as RocksDB has it by default; in at most so many parts as leave 256 KiB to
// each when it is at its least.
std::shared_ptr<BlockCache> NewBlockCache(const BlockCacheOptions& options);

}  // namespace kvcache
