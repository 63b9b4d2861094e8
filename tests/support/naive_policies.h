// The naive models, next to the ways in which users write the policies that they are of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/naive/arc.h"
#include "support/naive/cache.h"
#include "support/naive/clock.h"
#include "support/naive/fifo.h"
#include "support/naive/greedy_dual.h"
#include "support/naive/lfu.h"
#include "support/naive/lirs.h"
#include "support/naive/lru.h"
#include "support/naive/lru_k.h"
#include "support/naive/s3_fifo.h"
#include "support/naive/sieve.h"
#include "support/naive/slru.h"
#include "support/naive/two_q.h"
#include "support/naive/w_tiny_lfu.h"

namespace kvcache::testing {

struct NaivePolicy {
  std::string spec;  // as users write it
  std::function<std::unique_ptr<NaiveCache>(std::uint64_t capacity)> make;
  bool sized = true;  // for objects of different sizes as well
};

// Maker<NaiveLruK>(2, 1.0): makes models of the capacity that is asked for.
template <class Model, class... Parameters>
auto Maker(Parameters... parameters) {
  return [=](std::uint64_t capacity) { return std::make_unique<Model>(capacity, parameters...); };
}

inline std::vector<NaivePolicy> NaivePolicies() {
  return {
      {"lru", Maker<NaiveLru>()},
      {"lfu", Maker<NaiveLfu>()},
      {"lru-k", Maker<NaiveLruK>(2U, 1.0), false},
      {"lru-k:k=1", Maker<NaiveLruK>(1U, 1.0), false},
      {"lru-k:k=2,history=0", Maker<NaiveLruK>(2U, 0.0), false},
      {"lru-k:k=2,history=1e9", Maker<NaiveLruK>(2U, 1e9), false},
      {"lru-k:k=3,history=0", Maker<NaiveLruK>(3U, 0.0), false},
      {"lru-k:k=3,history=1", Maker<NaiveLruK>(3U, 1.0), false},
      {"lru-k:k=3,history=1e9", Maker<NaiveLruK>(3U, 1e9), false},
      {"fifo", Maker<NaiveFifo>()},
      {"clock", Maker<NaiveClock>(1U)},
      {"clock:bits=3", Maker<NaiveClock>(7U)},
      {"sieve", Maker<NaiveSieve>()},
      {"lfu-da", Maker<NaiveGreedyDual>(false)},
      {"gdsf", Maker<NaiveGreedyDual>(true)},
      {"s3-fifo", Maker<NaiveS3Fifo>(0.1, 0.9, 2)},
      {"s3-fifo:small=0.25,ghost=2,promote=1", Maker<NaiveS3Fifo>(0.25, 2.0, 1)},
      {"slru", Maker<NaiveSlru>(0.8, 2U, false)},
      {"slru:segments=4,protected=0.75", Maker<NaiveSlru>(0.75, 4U, false)},
      {"slru:segments=4,protected=0.75,fill=1", Maker<NaiveSlru>(0.75, 4U, true)},
      {"slru:segments=8,protected=1,fill=1", Maker<NaiveSlru>(1.0, 8U, true)},
      {"2q", Maker<NaiveTwoQ>(0.25, 0.5)},
      {"2q:kin=0.6,kout=2", Maker<NaiveTwoQ>(0.6, 2.0)},
      {"2q:kin=1,kout=0", Maker<NaiveTwoQ>(1.0, 0.0)},
      {"arc", Maker<NaiveArc>()},
      {"lirs", Maker<NaiveLirs>(0.01, 2.0)},
      {"lirs:hir=0.2,ghost=0.5", Maker<NaiveLirs>(0.2, 0.5)},
      {"lirs:hir=0.05,ghost=1e9", Maker<NaiveLirs>(0.05, 1e9)},
      {"lirs:hir=0,ghost=0", Maker<NaiveLirs>(0.0, 0.0)},
      {"w-tinylfu", Maker<NaiveWTinyLfu>(0.01, 0.8, true, 10U)},
      {"w-tinylfu:adaptive=0", Maker<NaiveWTinyLfu>(0.01, 0.8, false, 10U)},
      {"w-tinylfu:window=0.3,protected=0.5,sample=1", Maker<NaiveWTinyLfu>(0.3, 0.5, true, 1U)},
      {"w-tinylfu:window=1,protected=1,sample=2", Maker<NaiveWTinyLfu>(1.0, 1.0, true, 2U)},
  };
}

}  // namespace kvcache::testing
