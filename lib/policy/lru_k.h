// LRU-K (O'Neil, O'Neil, Weikum 1993, "The LRU-K page replacement algorithm for database disk
// buffering"): the entry whose K-th last reference is oldest leaves. Entries with fewer than K
// known references go first, among them the least recently used.
//
// Parameters: k, from 1 on (1 is LRU); history, how many evicted keys' references are remembered,
// as a multiple of the resident entries (0: none). A key that comes back takes up its remembered
// references. No correlated-reference period.
//
// Cost: a hit shifts K times in the node (K > 2: in a record beside it); an eviction a heap
// operation, the repairs it needs, and a history record of 16 + 4 K bytes or so.
//
// Departure in the memory tier: times are known to a tick (see ranked_policy.h), and K references
// within one tick are all that one tick can count.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>

#include "policy/history.h"
#include "policy/ranked_policy.h"

namespace kvcache {

// Rows of K times for nodes that cannot hold them themselves. Rows stay where they are, so hits
// read and write them without a lock; giving out and taking back need one. A row knows its node: a
// hit may come with any mark.
class TimeRows {
 public:
  explicit TimeRows(std::size_t k) : stride_(1 + k) {}
  ~TimeRows() {
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      if (chunks_[chunk] != nullptr) UnmapPages(chunks_[chunk], ChunkBytes(chunk));
    }
  }
  TimeRows(const TimeRows&) = delete;
  TimeRows& operator=(const TimeRows&) = delete;

  // The number of a row for the node.
  std::uint32_t Take(const PolicyNode& node) {
    std::uint32_t row = count_;
    if (free_ != 0) {
      row = free_ / 2 - 1;
      free_ = At(row)[0].load(std::memory_order_relaxed);
    } else {
      EnsureChunk(ChunkOf(row));
      ++count_;
    }
    SetOwner(row, node);
    return row;
  }
  // Needs no memory: free rows are a chain, and have their link where others have their node's
  // name.
  void Free(std::uint32_t row) {
    At(row)[0].store(free_, std::memory_order_relaxed);
    free_ = 2 * (row + 1);
  }
  void SetOwner(std::uint32_t row, const PolicyNode& node) {
    At(row)[0].store(NameOf(node), std::memory_order_relaxed);
  }

  // The node's K times; null when this is not its row.
  std::atomic<std::uint32_t>* Times(std::uint32_t row, const PolicyNode& node) const {
    std::atomic<std::uint32_t>* words = At(row);
    if (words == nullptr || words[0].load(std::memory_order_relaxed) != NameOf(node)) {
      return nullptr;
    }
    return words + 1;
  }

  std::size_t MemoryBytes() const { return count_ * stride_ * sizeof(std::uint32_t); }

 private:
  using Word = std::atomic<std::uint32_t>;
  // Chunk c has 1024 << c rows; its pages cost nothing until they are used.
  static constexpr std::size_t kFirstChunkRows = 1024;
  static constexpr std::size_t kChunks = 21;
  static std::size_t ChunkOf(std::uint32_t row) {
    return static_cast<std::size_t>(std::bit_width(row / kFirstChunkRows + 1)) - 1;
  }
  static std::size_t FirstRow(std::size_t chunk) {
    return kFirstChunkRows * ((std::size_t{1} << chunk) - 1);
  }
  std::size_t ChunkBytes(std::size_t chunk) const {
    return RoundUp((kFirstChunkRows << chunk) * stride_ * sizeof(std::uint32_t), kPageSize);
  }
  // Odd, as no link is. Nodes have addresses of their own, so do not share a name but by rare
  // accident.
  static std::uint32_t NameOf(const PolicyNode& node) {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&node) >> 2) | 1;
  }

  void EnsureChunk(std::size_t chunk) {
    if (chunks_[chunk] != nullptr) return;
    auto* pages = static_cast<Word*>(MapPages(ChunkBytes(chunk)));
    if (pages == nullptr) throw std::bad_alloc();
    chunks_[chunk].store(pages, std::memory_order_release);
  }

  Word* At(std::uint32_t row) const {
    const std::size_t chunk = ChunkOf(row);
    if (chunk >= kChunks) return nullptr;
    Word* words = chunks_[chunk].load(std::memory_order_acquire);
    return words == nullptr ? nullptr : words + (row - FirstRow(chunk)) * stride_;
  }

  const std::size_t stride_;  // words a row: the node's name, then its times
  std::array<std::atomic<Word*>, kChunks> chunks_{};
  std::uint32_t free_ = 0;  // the link to the row freed last, 2 * (its number + 1); 0: none
  std::uint32_t count_ = 0;
};

// K <= 2: mark[0] is the last reference, mark[1] the one before. K > 2: mark[0] is a row number.
class LruK final : public RankedPolicy<LruK> {
 public:
  LruK(const PolicyContext& context, std::size_t k, double history)
      : RankedPolicy(context.exact),
        k_(k),
        rows_(k > 2 ? std::make_unique<TimeRows>(k) : nullptr),
        hash_(context.hash),
        history_ratio_(history),
        history_(k) {}

  void Admit(PolicyNode& node, std::uint64_t hash, std::uint32_t) override {
    if (rows_) node.mark[0].store(rows_->Take(node), std::memory_order_relaxed);
    std::atomic<std::uint32_t>* times = Times(node);
    const auto known = history_.Find(hash);
    times[0].store(AdmissionTime(), std::memory_order_relaxed);
    for (std::size_t i = 1; i < k_; ++i) {
      times[i].store(known.empty() ? 0 : known[i - 1], std::memory_order_relaxed);
    }
  }

  void Insert(PolicyNode& node) override {
    try {
      RankedPolicy::Insert(node);
    } catch (...) {
      OnErase(node);  // the row that Admit took
      throw;
    }
  }

  void Mark(PolicyNode& node, std::uint32_t now) {
    if (!rows_) {
      // K - 1 is 0 or 1.
      const std::uint32_t last = node.mark[0].load(std::memory_order_relaxed);
      MarkTarget target(node, node.mark[k_ - 1].load(std::memory_order_relaxed) != now);
      std::atomic<std::uint32_t>* const marks = target.marks();
      marks[k_ - 1].store(last, std::memory_order_relaxed);
      marks[0].store(now, std::memory_order_relaxed);
      return;
    }
    std::atomic<std::uint32_t>* times = Times(node);
    if (times == nullptr || times[k_ - 1].load(std::memory_order_relaxed) == now) return;
    for (std::size_t i = k_ - 1; i > 0; --i) {
      times[i].store(times[i - 1].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    times[0].store(now, std::memory_order_relaxed);
  }

  std::uint64_t Rank(const PolicyNode& node) const {
    const std::atomic<std::uint32_t>* times = Times(const_cast<PolicyNode&>(node));
    if (times == nullptr) return 0;
    const std::uint32_t kth = times[k_ - 1].load(std::memory_order_relaxed);
    return kth != 0 ? kKnown | kth : times[0].load(std::memory_order_relaxed);
  }

  static std::uint64_t RebaseRank(std::uint64_t rank) {
    return (rank & kKnown) | RebaseTime(static_cast<std::uint32_t>(rank));
  }
  void RebaseMarks(PolicyNode& node) {
    std::atomic<std::uint32_t>* times = Times(node);
    for (std::size_t i = 0; times != nullptr && i < k_; ++i) RebaseMark(times[i]);
  }
  void OnRebase() { history_.MapWords(RebaseTime); }

  void OnEvict(PolicyNode& node) {
    const double most = history_ratio_ * static_cast<double>(size());
    const auto words =
        history_.Remember(hash_(node), static_cast<std::size_t>(std::min(most, kMostRemembered)));
    const std::atomic<std::uint32_t>* times = Times(node);
    for (std::size_t i = 0; i < words.size(); ++i) {
      words[i] = times == nullptr ? 0 : times[i].load(std::memory_order_relaxed);
    }
    OnErase(node);
  }
  void OnErase(PolicyNode& node) {
    if (rows_ && rows_->Times(RowOf(node), node) != nullptr) rows_->Free(RowOf(node));
  }

  void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t weight) override {
    RankedPolicy::Replace(old, now, weight);
    if (rows_ && rows_->Times(RowOf(old), old) != nullptr) rows_->SetOwner(RowOf(old), now);
  }

  std::size_t MemoryBytes() const override {
    return RankedPolicy::MemoryBytes() + history_.MemoryBytes() +
           (rows_ ? rows_->MemoryBytes() : 0);
  }

  using RankedPolicy::SetClockForTest;

 private:
  static constexpr std::uint64_t kKnown = std::uint64_t{1} << 32;  // ranks after all without K
  static constexpr double kMostRemembered = 1e9;

  static std::uint32_t RowOf(const PolicyNode& node) {
    return node.mark[0].load(std::memory_order_relaxed);
  }
  std::atomic<std::uint32_t>* Times(PolicyNode& node) const {
    return rows_ ? rows_->Times(RowOf(node), node) : node.mark;
  }

  const std::size_t k_;
  const std::unique_ptr<TimeRows> rows_;
  // Off the line that hits read.
  alignas(64) const std::function<std::uint64_t(const PolicyNode&)> hash_;
  const double history_ratio_;
  History history_;
};

}  // namespace kvcache
