#pragma once

#include <algorithm>
#include <set>

#include "support/naive/cache.h"

namespace kvcache::testing {

// Section 3.3 of the paper, with sizes: the stack S, pruned after every change, and the queue Q.
// Resident HIR objects have a share `hir` of the capacity, at least twice the mean size. `ghost`
// times the number of objects are remembered of those that were evicted.
class NaiveLirs final : public NaiveCache {
 public:
  NaiveLirs(std::uint64_t capacity, double hir, double ghost)
      : NaiveCache(capacity),
        hir_size_(static_cast<std::uint64_t>(hir * static_cast<double>(capacity))),
        ghost_(ghost) {}

 private:
  void Hit(std::uint64_t key) override {
    if (key == last_) return;  // a correlated reference
    last_ = key;
    if (lir_.contains(key)) {
      ToTop(key);
    } else {
      const bool room = SizeOfLir() + SizeOf(key) <= MostLir();
      UseHir(key, Contains(stack_, key) || room);
    }
    Prune();
  }
  void Miss(std::uint64_t key, std::uint64_t) override {
    remembered_ = Contains(stack_, key);
    stack_.remove(key);
    ghosts_.remove(key);
  }
  std::uint64_t Evict() override {
    Demote();
    const std::uint64_t key = TakeFront(queue_.empty() ? stack_ : queue_);
    if (lir_.erase(key) == 0 && Contains(stack_, key)) ghosts_.push_back(key);
    Prune();
    while (static_cast<double>(ghosts_.size()) > ghost_ * static_cast<double>(objects())) {
      stack_.remove(TakeFront(ghosts_));
    }
    return key;
  }
  void Insert(std::uint64_t key) override {
    last_ = key;
    queue_.push_back(key);
    const bool warming_up = SizeOfLir() + SizeOf(queue_) <= MostLir();
    UseHir(key, remembered_ || warming_up);
    Prune();
  }

  // HIR, resident by now.
  void UseHir(std::uint64_t key, bool becomes_lir) {
    ToTop(key);
    queue_.remove(key);
    if (becomes_lir && SizeOf(key) <= MostLir(SizeOf(key))) {
      lir_.insert(key);
      Demote();
    } else {
      queue_.push_back(key);
    }
  }
  void ToTop(std::uint64_t key) {
    stack_.remove(key);
    stack_.push_back(key);
  }
  // The bottom of S is always LIR.
  void Demote() {
    while (SizeOfLir() > MostLir()) {
      const std::uint64_t bottom = TakeFront(stack_);
      lir_.erase(bottom);
      queue_.push_back(bottom);
      Prune();
    }
  }
  void Prune() {
    while (!stack_.empty() && !lir_.contains(stack_.front())) ghosts_.remove(TakeFront(stack_));
  }

  std::uint64_t SizeOfLir() const {
    std::uint64_t size = 0;
    for (const std::uint64_t key : lir_) size += SizeOf(key);
    return size;
  }
  // `out`: the size of an object that is resident, but in neither set just now.
  std::uint64_t MostLir(std::uint64_t out = 0) const {
    const std::uint64_t count = lir_.size() + queue_.size() + (out == 0 ? 0 : 1);
    const std::uint64_t size = SizeOfLir() + SizeOf(queue_) + out;
    const std::uint64_t mean = count == 0 ? 0 : size / count;
    return capacity() - std::min(capacity(), std::max(hir_size_, 2 * mean));
  }

  const std::uint64_t hir_size_;
  const double ghost_;
  bool remembered_ = false;
  std::uint64_t last_ = ~std::uint64_t{0};
  std::list<std::uint64_t> stack_;   // bottom first; resident ones and ghosts
  std::list<std::uint64_t> queue_;   // resident HIR objects, the next victim first
  std::list<std::uint64_t> ghosts_;  // in order of eviction
  std::set<std::uint64_t> lir_;
};

}  // namespace kvcache::testing
