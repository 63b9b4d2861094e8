// A store that gives up the processor inside its calls, so that calls of other threads overlap.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "kvcache/store.h"

namespace kvcache::testing {

class YieldingStore final : public Store {
 public:
  // Yields before or after every `period`-th call or so.
  YieldingStore(std::unique_ptr<Store> inner, std::uint64_t period)
      : inner_(std::move(inner)), period_(period) {}

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    MayYield();
    Result<bool> result = inner_->Get(key, receive);
    MayYield();
    return result;
  }
  std::vector<Result<bool>> MultiGet(std::span<const std::string_view> keys,
                                     const IndexedReceiver& receive) override {
    MayYield();
    std::vector<Result<bool>> results = inner_->MultiGet(keys, receive);
    MayYield();
    return results;
  }
  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    MayYield();
    Result<void> result = inner_->Write(batch, options);
    MayYield();
    return result;
  }
  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    MayYield();
    Result<void> result = inner_->Scan(options, visit);
    MayYield();
    return result;
  }

 private:
  void MayYield() {
    if (calls_.fetch_add(1, std::memory_order_relaxed) % period_ == 0) std::this_thread::yield();
  }

  const std::unique_ptr<Store> inner_;
  const std::uint64_t period_;
  std::atomic<std::uint64_t> calls_{0};
};

}  // namespace kvcache::testing
