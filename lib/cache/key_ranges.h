// The ranges of a batch as one set. Every entry of the tier is looked for in it, under a lock, so
// that it must not matter much how many ranges there are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/store.h"

namespace kvcache {

// Of keys from a first one on, up to a second, in the store's order. Borrows store and keys.
class KeyRanges {
 public:
  using Range = std::pair<std::string_view, std::string_view>;

  KeyRanges(const Store& store, std::vector<Range> ranges)
      : store_(store), ranges_(std::move(ranges)) {
    std::erase_if(ranges_, [this](const Range& range) { return !Less(range.first, range.second); });
    std::ranges::sort(
        ranges_, [this](std::string_view a, std::string_view b) { return Less(a, b); },
        &Range::first);
    Merge();
  }

  bool empty() const { return ranges_.empty(); }

  bool Contains(std::string_view key) const {
    const auto after = std::ranges::partition_point(
        ranges_, [&](const Range& range) { return !Less(key, range.first); });
    return after != ranges_.begin() && Less(key, std::prev(after)->second);
  }

 private:
  bool Less(std::string_view a, std::string_view b) const { return store_.Compare(a, b) < 0; }

  // Those that overlap or touch, so that a key is in one at most.
  void Merge() {
    std::size_t merged = 0;
    for (const Range& range : ranges_) {
      if (merged == 0 || Less(ranges_[merged - 1].second, range.first)) {
        ranges_[merged++] = range;
      } else if (Less(ranges_[merged - 1].second, range.second)) {
        ranges_[merged - 1].second = range.second;
      }
    }
    ranges_.resize(merged);
  }

  const Store& store_;
  std::vector<Range> ranges_;  // in order, apart, none empty
};

}  // namespace kvcache
