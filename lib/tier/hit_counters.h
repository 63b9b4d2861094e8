// Counters of hits: each thread writes lines of its own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/epoch.h"

namespace kvcache {

// One row a thread, one counter pair a shard. Rows are made when a thread first needs them and
// handed on with the thread's slot, so a counter has one writer at a time and needs no
// read-modify-write.
class HitCounters {
 public:
  struct Count {
    std::atomic<std::uint64_t> hits{0};
    std::atomic<std::uint64_t> absent{0};  // of those, hits on a remembered absence
  };

  explicit HitCounters(std::size_t shards) : shards_(shards) {}
  ~HitCounters() {
    for (auto& chunk : chunks_) {
      Chunk* rows = chunk.load(std::memory_order_relaxed);
      if (rows == nullptr) continue;
      for (auto& row : *rows) ::operator delete(row.load(), std::align_val_t{kLine});
      delete rows;
    }
  }
  HitCounters(const HitCounters&) = delete;
  HitCounters& operator=(const HitCounters&) = delete;

  // Counts one for the calling thread, whose slot this is. Returns its hits in that shard.
  std::uint64_t Add(const epoch::ThreadSlot& thread, std::size_t shard, bool absent) {
    Count& count = Row(thread.index)[shard];
    const std::uint64_t hits = count.hits.load(std::memory_order_relaxed) + 1;
    count.hits.store(hits, std::memory_order_relaxed);
    if (absent) [[unlikely]] {
      count.absent.store(count.absent.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
    }
    return hits;
  }

  template <class F>
  void ForEachRow(F&& f) const {
    for (const auto& chunk : chunks_) {
      const Chunk* rows = chunk.load(std::memory_order_acquire);
      if (rows == nullptr) continue;
      for (const auto& row : *rows) {
        if (const Count* counts = row.load(std::memory_order_acquire)) f(counts);
      }
    }
  }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kChunkRows = 256;
  static constexpr std::size_t kChunks = 256;  // 65,536 threads; the next share rows, and may
                                               // lose counts to each other
  using Chunk = std::array<std::atomic<Count*>, kChunkRows>;

  Count* Row(std::size_t thread) {
    const Chunk* rows = chunks_[thread / kChunkRows % kChunks].load(std::memory_order_acquire);
    if (rows != nullptr) [[likely]] {
      Count* counts = (*rows)[thread % kChunkRows].load(std::memory_order_acquire);
      if (counts != nullptr) [[likely]] {
        return counts;
      }
    }
    return MakeRow(thread);
  }

  Count* MakeRow(std::size_t thread) {
    auto& chunk = chunks_[thread / kChunkRows % kChunks];
    Chunk* rows = chunk.load(std::memory_order_acquire);
    if (rows == nullptr) {
      auto* fresh = new Chunk{};
      if (chunk.compare_exchange_strong(rows, fresh, std::memory_order_acq_rel)) {
        rows = fresh;
      } else {
        delete fresh;
      }
    }
    auto* counts =
        static_cast<Count*>(::operator new(shards_ * sizeof(Count), std::align_val_t{kLine}));
    for (std::size_t shard = 0; shard < shards_; ++shard) new (&counts[shard]) Count;
    Count* others = nullptr;
    auto& row = (*rows)[thread % kChunkRows];
    if (row.compare_exchange_strong(others, counts, std::memory_order_acq_rel)) return counts;
    ::operator delete(counts, std::align_val_t{kLine});
    return others;
  }

  const std::size_t shards_;
  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
};

}  // namespace kvcache
