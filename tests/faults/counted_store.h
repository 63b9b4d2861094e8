// A store that counts its calls and fails at the one that a test wants, once or from then on.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/store.h"

namespace kvcache::testing {

enum class Failure { kError, kException, kOtherException, kBadAlloc };

struct Plan {
  std::uint64_t call = 0;  // the first to fail, counted from 1
  bool forever = false;    // and all after it
  Failure failure = Failure::kError;
  bool after_effect = false;  // when the call has done what it was to do
};

class CountedStore final : public Store {
 public:
  explicit CountedStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  // Calls count from here. No other call may be under way.
  void Follow(const Plan& plan) {
    plan_ = plan;
    calls_ = 0;
  }
  void Heal() { Follow({.call = ~std::uint64_t{0}}); }
  std::uint64_t calls() const { return calls_; }

  // What CatchUp does.
  void OnCatchUp(std::function<void()> catch_up) { catch_up_ = std::move(catch_up); }

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    return Call<Result<bool>>("Get", [&] { return inner_->Get(key, receive); });
  }
  std::vector<Result<bool>> MultiGet(std::span<const std::string_view> keys,
                                     const IndexedReceiver& receive) override {
    using Answers = std::vector<Result<bool>>;
    const auto answers =
        Call<Result<Answers>>("MultiGet", [&] { return inner_->MultiGet(keys, receive); });
    return answers ? *answers : Answers(keys.size(), std::unexpected(answers.error()));
  }
  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    return Call<Result<void>>("Write", [&] { return inner_->Write(batch, options); });
  }
  Result<void> Put(std::string_view key, std::string_view value,
                   const WriteOptions& options) override {
    return Call<Result<void>>("Put", [&] { return inner_->Put(key, value, options); });
  }
  Result<void> Delete(std::string_view key, const WriteOptions& options) override {
    return Call<Result<void>>("Delete", [&] { return inner_->Delete(key, options); });
  }
  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    return Call<Result<void>>("Scan", [&] { return inner_->Scan(options, visit); });
  }
  Result<void> CatchUp() override {
    return Call<Result<void>>("CatchUp", [&] {
      catch_up_();
      return Result<void>();
    });
  }
  int Compare(std::string_view a, std::string_view b) const override {
    return inner_->Compare(a, b);
  }

 private:
  template <class R, class F>
  R Call(std::string_view name, F&& call) {
    const std::uint64_t number = ++calls_;
    const bool fails = plan_.forever ? number >= plan_.call : number == plan_.call;
    if (!fails) return call();
    if (plan_.after_effect) {
      [[maybe_unused]] const R lost = call();
    }
    if (plan_.failure == Failure::kException) throw std::runtime_error("thrown by the store");
    if (plan_.failure == Failure::kOtherException) throw 7;
    if (plan_.failure == Failure::kBadAlloc) throw std::bad_alloc();
    return Fail(ErrorCode::kIoError, "disk 5: " + std::string(name) + " failed");
  }

  const std::unique_ptr<Store> inner_;
  std::function<void()> catch_up_ = [] {};
  Plan plan_{.call = ~std::uint64_t{0}};
  std::atomic<std::uint64_t> calls_{0};
};

}  // namespace kvcache::testing
