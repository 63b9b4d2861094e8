// A store that fails when a test wants it to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/store.h"

namespace kvcache::testing {

enum class Fault {
  kError,             // fails and has had no effect
  kErrorAfterEffect,  // a write that has taken effect and yet reports an error
  kException,         // throws std::runtime_error, having had no effect
  kBadAlloc,          // throws std::bad_alloc, having had no effect
};

class FailingStore final : public Store {
 public:
  explicit FailingStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  // The next Get or MultiGet (all its keys), Write or Scan fails.
  void FailNextRead(Fault fault = Fault::kError) { Set(read_fault_, fault); }
  void FailNextWrite(Fault fault = Fault::kError) { Set(write_fault_, fault); }
  void FailNextScan(Fault fault = Fault::kError) { Set(scan_fault_, fault); }

  // From now on every call fails with this probability.
  void FailRandomly(std::uint64_t seed, double probability) {
    const std::lock_guard lock(mutex_);
    random_.seed(seed);
    probability_ = probability;
  }

  // Calls failed so far. Errors of those that failed at random say which one of them they are.
  std::uint64_t faults() {
    const std::lock_guard lock(mutex_);
    return faults_;
  }
  // Whether an error is that of a call failed at random after the first `before` of them.
  bool Injected(const Error& error, std::uint64_t before) {
    const std::size_t at = error.message.find(kInjected);
    if (at == std::string::npos) return false;
    const std::uint64_t number =
        std::strtoull(error.message.c_str() + at + kInjected.size(), nullptr, 10);
    return before < number && number <= faults();
  }
  // Whether it is a Write's; of an error that is Injected.
  static bool OfWrite(const Error& error) { return error.message.ends_with(kOfWrite); }
  // Whether the latest Write reached the inner store.
  bool last_write_took_effect() {
    const std::lock_guard lock(mutex_);
    return last_write_took_effect_;
  }

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    if (const auto failure = Take(read_fault_)) return Failed(*failure);
    return inner_->Get(key, receive);
  }

  std::vector<Result<bool>> MultiGet(std::span<const std::string_view> keys,
                                     const IndexedReceiver& receive) override {
    if (const auto failure = Take(read_fault_)) {
      return std::vector<Result<bool>>(keys.size(), Failed(*failure));
    }
    return inner_->MultiGet(keys, receive);
  }

  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    const auto failure = Take(write_fault_);
    const bool effect = !failure || failure->fault == Fault::kErrorAfterEffect;
    {
      const std::lock_guard lock(mutex_);
      last_write_took_effect_ = effect;
    }
    if (!effect) return Failed(*failure, kOfWrite);
    Result<void> result = inner_->Write(batch, options);
    if (failure) return Failed(*failure, kOfWrite);
    return result;
  }

  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    if (const auto failure = Take(scan_fault_)) return Failed(*failure);
    return inner_->Scan(options, visit);
  }

  int Compare(std::string_view a, std::string_view b) const override {
    return inner_->Compare(a, b);
  }

 private:
  static constexpr std::string_view kInjected = "injected fault ";
  static constexpr std::string_view kOfWrite = " of a write";
  struct Failure {
    Fault fault;
    std::uint64_t number;  // 0: the test has asked for it
  };

  void Set(std::optional<Fault>& fault, Fault value) {
    const std::lock_guard lock(mutex_);
    fault = value;
  }

  std::optional<Failure> Take(std::optional<Fault>& next) {
    const std::lock_guard lock(mutex_);
    if (const auto fault = std::exchange(next, std::nullopt)) {
      ++faults_;
      return Failure{.fault = *fault, .number = 0};
    }
    if (probability_ > 0 && std::bernoulli_distribution(probability_)(random_)) {
      constexpr Fault kFaults[] = {Fault::kError, Fault::kErrorAfterEffect, Fault::kException};
      const Fault fault = kFaults[random_() % 3];
      return Failure{.fault = fault, .number = ++faults_};
    }
    return std::nullopt;
  }

  static std::unexpected<Error> Failed(const Failure& failure, std::string_view of = {}) {
    const bool asked = failure.number == 0;
    const std::string random =
        std::string(kInjected) + std::to_string(failure.number) + std::string(of);
    if (failure.fault == Fault::kBadAlloc) throw std::bad_alloc();
    if (failure.fault == Fault::kException) {
      throw std::runtime_error(asked ? "thrown by the store" : random);
    }
    return Fail(ErrorCode::kIoError, asked ? "injected" : random);
  }

  const std::unique_ptr<Store> inner_;
  std::mutex mutex_;
  std::optional<Fault> read_fault_;
  std::optional<Fault> write_fault_;
  std::optional<Fault> scan_fault_;
  std::mt19937_64 random_;
  double probability_ = 0;
  std::uint64_t faults_ = 0;
  bool last_write_took_effect_ = true;
};

}  // namespace kvcache::testing
