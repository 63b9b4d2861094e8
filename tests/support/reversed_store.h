// A store whose order of keys is the reverse of the bytewise one.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "kvcache/store.h"

namespace kvcache::testing {

class ReversedStore final : public Store {
 public:
  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    const std::lock_guard lock(mutex_);
    const auto found = map_.find(key);
    if (found == map_.end()) return false;
    receive(found->second);
    return true;
  }

  Result<void> Write(const Batch& batch, const WriteOptions&) override {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const Operation step = batch[i];
      if (step.kind == Operation::Kind::kPut) {
        map_.insert_or_assign(std::string(step.key), std::string(step.value));
      } else if (step.kind == Operation::Kind::kDelete) {
        map_.erase(std::string(step.key));
      } else if (Compare(step.key, step.value) < 0) {
        map_.erase(map_.lower_bound(step.key), map_.lower_bound(step.value));
      }
    }
    return {};
  }

  // Only the range's beginning counts.
  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    const std::lock_guard lock(mutex_);
    const auto& from = options.range.from;
    for (auto at = from ? map_.lower_bound(*from) : map_.begin(); at != map_.end(); ++at) {
      if (!visit(at->first, at->second)) break;
    }
    return {};
  }

  int Compare(std::string_view a, std::string_view b) const override { return b.compare(a); }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string, std::greater<>> map_;
};

}  // namespace kvcache::testing
