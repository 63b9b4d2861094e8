// Threads that call one cache at random, while its policy and capacity change under them and some
// of their hits are audited.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "kvcache/policy.h"
#include "support/random_trace.h"
#include "support/text.h"
#include "support/yielding_store.h"

namespace kvcache::testing {

// Raises `floor` to at least `value`.
inline void Raise(std::atomic<std::uint64_t>& floor, std::uint64_t value) {
  std::uint64_t seen = floor.load();
  while (seen < value && !floor.compare_exchange_weak(seen, value)) {
  }
}

class Crowd {
 public:
  static constexpr std::size_t kThreads = 8;
  // One call; `thread` is 0 .. kThreads - 1.
  using Call = std::function<void(std::size_t thread, Random& random)>;

  explicit Crowd(Options options) {
    options.audit_one_in = 8;
    options.on_disagreement = [this](std::string_view key) {
      Fail("the store does not have " + std::string(key) + " so");
    };
    auto store = std::make_unique<YieldingStore>(MakeMemoryStore(), 37);
    store_ = store.get();
    auto cache = Cache::Open(options, std::move(store));
    REQUIRE_MESSAGE(cache, Text(cache.error()));
    cache_ = *std::move(cache);
    for (const PolicyInfo& info : RegisteredPolicies()) policies_.push_back(info.name);
  }

  Cache& cache() { return *cache_; }
  Store& store() { return *store_; }

  // Each thread makes so many calls. Every `switch_every` of them it changes policy or capacity.
  // Ends early when one reports a failure.
  void Run(std::size_t calls_per_thread, std::size_t switch_every, const Call& call) {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        Random random(Seed() + thread);
        for (std::size_t i = 1; i <= calls_per_thread && !failed_; ++i) {
          call(thread, random);
          if (i % switch_every == 0) Switch(random);
        }
      });
    }
    threads.clear();
    CHECK(failure_ == "");
    const ShardStats stats = cache_->GetStats().total;
    CHECK(stats.audits > 0);
    CHECK(stats.disagreements == 0);
  }

  // The first report is the one that is shown.
  void Fail(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (!failed_.exchange(true)) failure_ = what;
  }
  void Expect(const Result<void>& result, std::string_view what) {
    if (!result) Fail(std::string(what) + ": " + Text(result));
  }

 private:
  void Switch(Random& random) {
    static constexpr std::array<std::uint64_t, 4> kBytes = {0, 1 << 16, 1 << 19, 1 << 22};
    const std::uint32_t what = Below(random, 4);
    if (what < 2) {
      Expect(cache_->SetPolicy(policies_[Below(random, policies_.size())]), "SetPolicy");
    } else if (what == 2) {
      Expect(cache_->SetCapacity(kBytes[Below(random, kBytes.size())]), "SetCapacity");
    } else {
      Expect(cache_->SetCapacityEntries(1 + Below(random, 60)), "SetCapacityEntries");
    }
  }

  Store* store_ = nullptr;
  std::unique_ptr<Cache> cache_;
  std::vector<std::string> policies_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::string failure_;
};

}  // namespace kvcache::testing
