#pragma once

#include <algorithm>
#include <utility>

#include "support/naive/cache.h"

namespace kvcache::testing {

// Figure 4 of the paper, with sizes: p moves by the size of the object that comes back times the
// paper's ratio, and several objects may have to go for one, before or after which ghosts do.
class NaiveArc final : public NaiveCache {
 public:
  using NaiveCache::NaiveCache;

 private:
  struct Ghost {
    std::uint64_t key;
    std::uint64_t size;
  };
  using Ghosts = std::list<Ghost>;

  void Hit(std::uint64_t key) override {  // case I
    t1_.remove(key);
    t2_.remove(key);
    t2_.push_back(key);
  }

  void Miss(std::uint64_t key, std::uint64_t size) override {
    const auto c = static_cast<double>(capacity());
    const auto b1 = static_cast<double>(SizeOf(b1_));
    const auto b2 = static_cast<double>(SizeOf(b2_));
    const auto is_key = [&](const Ghost& ghost) { return ghost.key == key; };
    missed_size_ = size;
    in_b1_ = std::erase_if(b1_, is_key) != 0;
    in_b2_ = std::erase_if(b2_, is_key) != 0;
    if (in_b1_) {  // case II
      const double delta = b1 >= b2 ? 1 : b2 / b1;
      p_ = std::min(c, p_ + static_cast<double>(size) * delta);
    } else if (in_b2_) {  // case III
      const double delta = b2 >= b1 ? 1 : b1 / b2;
      p_ = std::max(0.0, p_ - static_cast<double>(size) * delta);
    }
  }

  // REPLACE.
  std::uint64_t Evict() override {
    const auto t1 = static_cast<double>(SizeOf(t1_));
    const bool of_t1 = t2_.empty() || (!t1_.empty() && (t1 > p_ || (in_b2_ && t1 == p_)));
    const std::uint64_t key = TakeFront(of_t1 ? t1_ : t2_);
    (of_t1 ? b1_ : b2_).push_back({key, SizeOf(key)});
    return key;
  }

  void Insert(std::uint64_t key) override {
    if (in_b1_ || in_b2_) {
      t2_.push_back(key);
      return;
    }
    // Case IV: what L1, and L1 and L2 together, hold too much of with the new object.
    while (SizeOf(t1_) + SizeOf(b1_) + missed_size_ > capacity() && !b1_.empty()) b1_.pop_front();
    while (SizeOf(t1_) + SizeOf(b1_) + SizeOf(t2_) + SizeOf(b2_) + missed_size_ > 2 * capacity() &&
           !b2_.empty()) {
      b2_.pop_front();
    }
    t1_.push_back(key);
  }

  using NaiveCache::SizeOf;
  static std::uint64_t SizeOf(const Ghosts& ghosts) {
    std::uint64_t size = 0;
    for (const Ghost& ghost : ghosts) size += ghost.size;
    return size;
  }

  double p_ = 0;
  bool in_b1_ = false;
  bool in_b2_ = false;
  std::uint64_t missed_size_ = 0;
  std::list<std::uint64_t> t1_, t2_;  // oldest first
  Ghosts b1_, b2_;
};

}  // namespace kvcache::testing
