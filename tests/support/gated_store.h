// A store whose calls stop where a test wants them to, so that a test decides every interleaving.
#pragma once

#include <doctest/doctest.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/store.h"
#include "support/watchdog.h"

namespace kvcache::testing {

// Where a call can be stopped: before the inner store sees it, or after that has answered.
// Get and MultiGet are both reads.
enum class Point {
  kBeforeRead,
  kAfterRead,
  kBeforeWrite,
  kAfterWrite,
  kBeforeScan,
  kAfterScan,
  kBeforeCatchUp,
  kAfterCatchUp,
};

// Stops one call.
class Gate {
 public:
  // Waits until the call stands here; fails the test when none comes.
  void AwaitArrival() {
    std::unique_lock lock(mutex_);
    const bool arrived = changed_.wait_for(lock, kPatience, [this] { return arrived_; });
    CHECK_MESSAGE(arrived, "the expected call of the store never came to its gate");
  }

  // Lets it go on.
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

  bool arrived() {
    const std::lock_guard lock(mutex_);
    return arrived_;
  }

  // Internal: the store's side.
  void Pass() {
    std::unique_lock lock(mutex_);
    arrived_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool arrived_ = false;
  bool open_ = false;
};

class GatedStore final : public Store {
 public:
  explicit GatedStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  // Stops the next call that comes to `point` with `text` among its keys or values (any call when
  // empty) and to no gate held before this one.
  std::shared_ptr<Gate> Hold(Point point, std::string text = {}) {
    const std::lock_guard lock(mutex_);
    auto gate = std::make_shared<Gate>();
    waiting_.push_back({point, std::move(text), gate});
    return gate;
  }

  // Reads of one key, through Get or MultiGet, that have been begun.
  std::uint64_t reads(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = reads_.find(key);
    return found == reads_.end() ? 0 : found->second;
  }
  // Calls of Get and of MultiGet.
  std::uint64_t read_calls() {
    const std::lock_guard lock(mutex_);
    return read_calls_;
  }
  std::uint64_t writes() {
    const std::lock_guard lock(mutex_);
    return writes_;
  }

  // What CatchUp does, in place of the inner store's.
  void OnCatchUp(std::function<Result<void>()> catch_up) { catch_up_ = std::move(catch_up); }

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    CountRead({&key, 1});
    Pass(Point::kBeforeRead, {&key, 1});
    Result<bool> result = inner_->Get(key, receive);
    Pass(Point::kAfterRead, {&key, 1});
    return result;
  }

  std::vector<Result<bool>> MultiGet(std::span<const std::string_view> keys,
                                     const IndexedReceiver& receive) override {
    CountRead(keys);
    Pass(Point::kBeforeRead, keys);
    auto results = inner_->MultiGet(keys, receive);
    Pass(Point::kAfterRead, keys);
    return results;
  }

  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    std::vector<std::string_view> texts;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      texts.push_back(batch[i].key);
      texts.push_back(batch[i].value);
    }
    {
      const std::lock_guard lock(mutex_);
      ++writes_;
    }
    Pass(Point::kBeforeWrite, texts);
    Result<void> result = inner_->Write(batch, options);
    Pass(Point::kAfterWrite, texts);
    return result;
  }

  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    Pass(Point::kBeforeScan, {});
    Result<void> result = inner_->Scan(options, visit);
    Pass(Point::kAfterScan, {});
    return result;
  }

  Result<void> CatchUp() override {
    Pass(Point::kBeforeCatchUp, {});
    Result<void> result = catch_up_ ? catch_up_() : inner_->CatchUp();
    Pass(Point::kAfterCatchUp, {});
    return result;
  }

  int Compare(std::string_view a, std::string_view b) const override {
    return inner_->Compare(a, b);
  }

 private:
  struct Waiting {
    Point point;
    std::string text;
    std::shared_ptr<Gate> gate;
  };

  void CountRead(std::span<const std::string_view> keys) {
    const std::lock_guard lock(mutex_);
    ++read_calls_;
    for (const std::string_view key : keys) ++reads_[std::string(key)];
  }

  void Pass(Point point, std::span<const std::string_view> texts) {
    if (const auto gate = Take(point, texts)) gate->Pass();
  }

  // The first gate that stops this call, which then stops no other.
  std::shared_ptr<Gate> Take(Point point, std::span<const std::string_view> texts) {
    const std::lock_guard lock(mutex_);
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
      if (it->point != point || !Matches(it->text, texts)) continue;
      auto gate = it->gate;
      waiting_.erase(it);
      return gate;
    }
    return nullptr;
  }

  static bool Matches(const std::string& text, std::span<const std::string_view> texts) {
    if (text.empty()) return true;
    for (const std::string_view candidate : texts) {
      if (candidate == text) return true;
    }
    return false;
  }

  const std::unique_ptr<Store> inner_;
  std::function<Result<void>()> catch_up_;
  std::mutex mutex_;
  std::vector<Waiting> waiting_;
  std::map<std::string, std::uint64_t, std::less<>> reads_;
  std::uint64_t read_calls_ = 0;
  std::uint64_t writes_ = 0;
};

}  // namespace kvcache::testing
