// The stage of a coherence test: a cache over a store whose calls the test can stop and fail.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "kvcache/policy.h"
#include "support/failing_store.h"
#include "support/gated_store.h"
#include "support/task.h"
#include "support/text.h"
#include "support/watchdog.h"

namespace kvcache::testing {

// Test cases use CHECK, not REQUIRE: a test that left its scope early would leave calls at gates.
class Scene {
 public:
  explicit Scene(Options options) : watchdog_(options.policy + ": the scenario") {
    auto memory = MakeMemoryStore();
    behind_ = memory.get();
    auto faults = std::make_unique<FailingStore>(std::move(memory));
    faults_ = faults.get();
    auto gated = std::make_unique<GatedStore>(std::move(faults));
    store_ = gated.get();
    auto cache = Cache::Open(options, std::move(gated));
    REQUIRE_MESSAGE(cache, Text(cache.error()));
    cache_ = std::move(*cache);
  }

  Cache& cache() { return *cache_; }
  // Where calls of the cache are stopped, and counted.
  GatedStore& store() { return *store_; }
  FailingStore& faults() { return *faults_; }
  // The store underneath, past the cache, the gates and the faults.
  Store& behind() { return *behind_; }

  ShardStats stats() { return cache_->GetStats().total; }

  // Writes to the store past the cache.
  void PutBehind(std::string_view key, std::string_view value) {
    CHECK(Text(PutStore(*behind_, key, value)) == "ok");
  }

  // Brings a pair into the store and the tier.
  void Warm(std::string_view key, std::string_view value) {
    PutBehind(key, value);
    CHECK(Look(key) == std::string(value) + ", read");
    CHECK(Look(key) == std::string(value) + ", hit");
  }

  std::string Look(std::string_view key) { return testing::Look(*cache_, key); }
  std::string Put(std::string_view key, std::string_view value) {
    return Text(cache_->Put(key, value));
  }

  // The same calls on threads of their own.
  Task StartGet(std::string key) {
    return Task([this, key = std::move(key)] { return Look(key); });
  }
  Task StartPut(std::string key, std::string value) {
    return Task([this, key = std::move(key), value = std::move(value)] { return Put(key, value); });
  }
  Task StartWrite(Batch batch) {
    return Task([this, batch = std::move(batch)] { return Text(cache_->Write(batch)); });
  }
  Task StartDeleteRange(std::string begin, std::string end) {
    return Task([this, begin = std::move(begin), end = std::move(end)] {
      return Text(cache_->DeleteRange(begin, end));
    });
  }

  // What must hold of `key` when nothing is under way: every reader gets what the store has, and
  // the tier too once it has been read.
  void CheckSettled(std::string_view key) {
    CAPTURE(key);
    const std::string stored = ReadStore(*behind_, key);
    for (int i = 0; i < 2; ++i) CHECK(Text(cache_->Get(key)) == stored);
    if (stored != kAbsent && cache_->GetStats().capacity > 0) CHECK(Look(key) == stored + ", hit");
  }

 private:
  Watchdog watchdog_;
  Store* behind_ = nullptr;
  FailingStore* faults_ = nullptr;
  GatedStore* store_ = nullptr;
  std::unique_ptr<Cache> cache_;
};

inline Options Capacity(std::uint64_t bytes, std::uint32_t shards) {
  Options options;
  options.capacity = bytes;
  options.shards = shards;
  return options;
}

// Plays a scenario on a fresh stage for every registered policy.
inline void ForEachPolicy(const Options& base, const std::function<void(Scene&)>& play) {
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    CAPTURE(policy.name);
    Options options = base;
    options.policy = policy.name;
    Scene scene(options);
    play(scene);
  }
}

inline void ForEachPolicy(const std::function<void(Scene&)>& play) {
  ForEachPolicy(Capacity(std::uint64_t{8} << 20, 2), play);
}

}  // namespace kvcache::testing
