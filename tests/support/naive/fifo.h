#pragma once

#include "support/naive/cache.h"

namespace kvcache::testing {

// Who came first leaves first.
class NaiveFifo final : public NaiveCache {
 public:
  using NaiveCache::NaiveCache;

 private:
  void Hit(std::uint64_t) override {}
  std::uint64_t Evict() override { return TakeFront(oldest_first_); }
  void Insert(std::uint64_t key) override { oldest_first_.push_back(key); }

  std::list<std::uint64_t> oldest_first_;
};

}  // namespace kvcache::testing
