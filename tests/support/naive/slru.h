#pragma once

#include <vector>

#include "support/naive/cache.h"

namespace kvcache::testing {

// The protected segments share `share` of the capacity; the lowest segment has what they leave.
// `fill`: a new object enters the lowest segment with room for it, if there is one.
class NaiveSlru final : public NaiveCache {
 public:
  NaiveSlru(std::uint64_t capacity, double share, std::size_t segments, bool fill)
      : NaiveCache(capacity),
        limit_(static_cast<std::uint64_t>(share * static_cast<double>(capacity)) / (segments - 1)),
        lowest_limit_(static_cast<std::uint64_t>((1 - share) * static_cast<double>(capacity))),
        fill_(fill),
        segments_(segments) {}

 private:
  void Hit(std::uint64_t key) override {
    std::size_t segment = 0;
    while (!Contains(segments_[segment], key)) ++segment;
    segments_[segment].remove(key);
    segment = std::min(segment + 1, segments_.size() - 1);
    segments_[segment].push_back(key);
    for (; segment > 0; --segment) {
      while (SizeOf(segments_[segment]) > limit_) {
        segments_[segment - 1].push_back(TakeFront(segments_[segment]));
      }
    }
  }
  std::uint64_t Evict() override {
    std::size_t segment = 0;
    while (segments_[segment].empty()) ++segment;
    return TakeFront(segments_[segment]);
  }
  void Insert(std::uint64_t key) override {
    std::size_t enters = 0;
    for (std::size_t segment = segments_.size(); fill_ && segment-- > 0;) {
      if (SizeOf(segments_[segment]) + SizeOf(key) <= LimitOf(segment)) enters = segment;
    }
    segments_[enters].push_back(key);
  }

  std::uint64_t LimitOf(std::size_t segment) const { return segment > 0 ? limit_ : lowest_limit_; }

  const std::uint64_t limit_;  // of each protected one
  const std::uint64_t lowest_limit_;
  const bool fill_;
  std::vector<std::list<std::uint64_t>> segments_;  // each oldest first
};

}  // namespace kvcache::testing
