#pragma once

#include <utility>

#include "support/naive/cache.h"

namespace kvcache::testing {

// Section 3.2 of the paper, "2Q, full version", with sizes.
class NaiveTwoQ final : public NaiveCache {
 public:
  NaiveTwoQ(std::uint64_t capacity, double kin, double kout)
      : NaiveCache(capacity),
        kin_(static_cast<std::uint64_t>(kin * static_cast<double>(capacity))),
        kout_(static_cast<std::uint64_t>(kout * static_cast<double>(capacity))) {}

 private:
  void Hit(std::uint64_t key) override {
    if (!Contains(am_, key)) return;
    am_.remove(key);
    am_.push_back(key);
  }
  void Miss(std::uint64_t key, std::uint64_t) override {
    to_am_ = std::erase_if(a1out_, [&](const auto& ghost) { return ghost.first == key; }) != 0;
  }
  std::uint64_t Evict() override {
    if (SizeOf(a1in_) <= kin_ && !am_.empty()) return TakeFront(am_);
    const std::uint64_t key = TakeFront(a1in_);
    a1out_.emplace_back(key, SizeOf(key));
    while (SizeOfGhosts() > kout_) a1out_.pop_front();
    return key;
  }
  void Insert(std::uint64_t key) override { (to_am_ ? am_ : a1in_).push_back(key); }

  std::uint64_t SizeOfGhosts() const {
    std::uint64_t size = 0;
    for (const auto& [key, its_size] : a1out_) size += its_size;
    return size;
  }

  const std::uint64_t kin_;
  const std::uint64_t kout_;
  bool to_am_ = false;
  std::list<std::uint64_t> a1in_, am_;                        // oldest first
  std::list<std::pair<std::uint64_t, std::uint64_t>> a1out_;  // and sizes
};

}  // namespace kvcache::testing
