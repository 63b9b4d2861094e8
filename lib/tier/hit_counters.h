// Counters of hits: each thread writes lines of its own.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/epoch.h"
#include "base/pages.h"

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

  explicit HitCounters(std::size_t shards)
      : shards_(shards), rows_(static_cast<std::atomic<Count*>*>(MapPages(kBytes))) {
    if (rows_ == nullptr) throw std::bad_alloc();
  }
  ~HitCounters() {
    for (std::size_t row = 0; row < Rows(); ++row) {
      ::operator delete(rows_[row].load(std::memory_order_relaxed), std::align_val_t{kLine});
    }
    UnmapPages(rows_, kBytes);
  }
  HitCounters(const HitCounters&) = delete;
  HitCounters& operator=(const HitCounters&) = delete;

  // Counts one for the calling thread, whose slot this is. Returns its hits in that shard.
  std::uint64_t Add(const epoch::ThreadSlot& thread, std::size_t shard, bool absent) {
    Count* row = rows_[thread.index % kRows].load(std::memory_order_acquire);
    if (row == nullptr) [[unlikely]] {
      row = MakeRow(thread);
    }
    Count& count = row[shard];
    const std::uint64_t hits = count.hits.load(std::memory_order_relaxed) + 1;
    count.hits.store(hits, std::memory_order_relaxed);
    if (absent) [[unlikely]] {
      count.absent.store(count.absent.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
    }
    return hits;
  }

  // Of one shard, of all threads.
  std::uint64_t Hits(std::size_t shard) const {
    std::uint64_t hits = 0;
    ForEachRow(
        [&](const Count* counts) { hits += counts[shard].hits.load(std::memory_order_relaxed); });
    return hits;
  }

  template <class F>
  void ForEachRow(F&& f) const {
    for (std::size_t row = 0; row < Rows(); ++row) {
      if (const Count* counts = rows_[row].load(std::memory_order_acquire)) f(counts);
    }
  }

 private:
  static constexpr std::size_t kLine = 64;
  // Threads beyond so many share rows, and may lose counts to each other. Pages that no thread's
  // index reaches cost nothing.
  static constexpr std::size_t kRows = 65'536;
  static constexpr std::size_t kBytes = kRows * sizeof(std::atomic<Count*>);

  // That may be in use.
  static std::size_t Rows() { return std::min(kRows, epoch::Threads()); }

  [[gnu::noinline]] Count* MakeRow(const epoch::ThreadSlot& thread) {
    // Whole lines: nobody else's data may lie on them.
    const std::size_t bytes = RoundUp(shards_ * sizeof(Count), kLine);
    auto* fresh = static_cast<Count*>(::operator new(bytes, std::align_val_t{kLine}));
    for (std::size_t shard = 0; shard < shards_; ++shard) new (&fresh[shard]) Count;
    Count* row = nullptr;
    if (rows_[thread.index % kRows].compare_exchange_strong(row, fresh,
                                                            std::memory_order_acq_rel)) {
      return fresh;
    }
    ::operator delete(fresh, std::align_val_t{kLine});
    return row;
  }

  const std::size_t shards_;
  std::atomic<Count*>* const rows_;
};

}  // namespace kvcache
