#pragma once

#include <algorithm>

#include "support/naive/cache.h"

namespace kvcache::testing {

// Algorithm 1 of the paper, with sizes. `promote` hits take an object from the small queue to the
// main one; the paper's is 2.
class NaiveS3Fifo final : public NaiveCache {
 public:
  NaiveS3Fifo(std::uint64_t capacity, double small, double ghost, int promote)
      : NaiveCache(capacity),
        main_size_(capacity - static_cast<std::uint64_t>(small * static_cast<double>(capacity))),
        ghost_size_(static_cast<std::uint64_t>(ghost * static_cast<double>(capacity))),
        promote_(promote) {}

 private:
  void Hit(std::uint64_t key) override { hits_[key] = std::min(hits_[key] + 1, 3); }
  void Miss(std::uint64_t key, std::uint64_t) override {
    to_main_ = Contains(ghost_, key);
    ghost_.remove(key);
  }
  std::uint64_t Evict() override {
    for (;;) {
      if (SizeOf(main_) > main_size_ || small_.empty()) {
        const std::uint64_t key = TakeFront(main_);
        if (hits_[key] == 0) return key;
        --hits_[key];
        main_.push_back(key);
      } else {
        const std::uint64_t key = TakeFront(small_);
        if (hits_[key] < promote_) {
          Remember(key);
          return key;
        }
        hits_[key] = 0;
        main_.push_back(key);
        // A whole run of such objects moves on before the main queue is looked at again.
        while (!small_.empty() && hits_[small_.front()] >= promote_) {
          hits_[small_.front()] = 0;
          main_.push_back(TakeFront(small_));
        }
        if (!small_.empty()) {
          const std::uint64_t next = TakeFront(small_);
          Remember(next);
          return next;
        }
      }
    }
  }
  void Insert(std::uint64_t key) override {
    (to_main_ ? main_ : small_).push_back(key);
    hits_[key] = 0;
  }

  void Remember(std::uint64_t key) {
    ghost_.push_back(key);
    ghost_sizes_[key] = SizeOf(key);
    std::uint64_t size = 0;
    for (const std::uint64_t ghost : ghost_) size += ghost_sizes_[ghost];
    while (size > ghost_size_) size -= ghost_sizes_[TakeFront(ghost_)];
  }

  const std::uint64_t main_size_;
  const std::uint64_t ghost_size_;
  const int promote_;
  bool to_main_ = false;
  std::list<std::uint64_t> small_, main_, ghost_;  // oldest first
  std::map<std::uint64_t, int> hits_;
  std::map<std::uint64_t, std::uint64_t> ghost_sizes_;
};

}  // namespace kvcache::testing
