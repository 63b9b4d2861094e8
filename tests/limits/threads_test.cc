// Ten thousand threads, one after another and many at once: nothing of a thread is left when it has
// ended.
#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/epoch.h"
#include "harness.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "support/proc.h"
#include "support/sanitizers.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

// Threads with small stacks, which begin their work together once all have been made, and end when
// all have done it.
class Wave {
 public:
  Wave(std::size_t threads, std::function<void(std::size_t)> work) : work_(std::move(work)) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, kSanitized ? std::size_t{1} << 20 : std::size_t{128} << 10);
    starts_.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) {
      starts_.push_back({this, i});
      pthread_t thread;
      // A machine may not have so many.
      if (pthread_create(&thread, &small, Run, &starts_.back()) != 0) break;
      threads_.push_back(thread);
    }
    pthread_attr_destroy(&small);
    begun_ = true;
    begun_.notify_all();
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
  }

  std::size_t threads() const { return threads_.size(); }

 private:
  struct Start {
    Wave* wave;
    std::size_t number;
  };

  static void* Run(void* argument) {
    const auto* start = static_cast<Start*>(argument);
    start->wave->begun_.wait(false);
    start->wave->work_(start->number);
    start->wave->AwaitOthers();
    return nullptr;
  }

  // Once begun, nobody changes threads_.
  void AwaitOthers() {
    if (++done_ == threads_.size()) {
      all_done_ = true;
      all_done_.notify_all();
    }
    all_done_.wait(false);
  }

  const std::function<void(std::size_t)> work_;
  std::atomic<bool> begun_ = false;
  std::atomic<std::size_t> done_ = 0;
  std::atomic<bool> all_done_ = false;
  std::vector<Start> starts_;
  std::vector<pthread_t> threads_;
};

// What a client does: misses, hits, a write.
void BeClient(Cache& cache, std::size_t number) {
  const std::string key = "key" + std::to_string(number % 100);
  std::string value;
  for (int i = 0; i < 3; ++i) CHECK(cache.Get("shared", value) == true);
  CHECK(cache.Put(key, "v"));
  CHECK(cache.Get(key).has_value());
}

TEST_CASE("resident memory does not grow with threads that have ended") {
  constexpr std::size_t kThreads = 10'000;
  constexpr std::size_t kWave = kSanitized ? 200 : 500;
  auto cache = Cache::Open({.capacity = std::uint64_t{8} << 20}, MakeMemoryStore());
  REQUIRE(cache);
  REQUIRE((*cache)->Put("shared", "v"));
  const auto client = [&cache](std::size_t number) { BeClient(**cache, number); };

  std::size_t ended = 0;
  std::size_t most = 0;
  std::uint64_t after_first = 0;
  const std::size_t threads = kSanitized ? kThreads / 10 : kThreads;
  while (ended < threads) {
    const Wave wave(kWave, client);
    REQUIRE(wave.threads() > 0);
    ended += wave.threads();
    most = std::max(most, wave.threads());
    if (after_first == 0) after_first = ResidentBytes();
  }
  CHECK(epoch::Threads() <= most + 1);  // this one too
  if (!kSanitized) CHECK(ResidentBytes() <= after_first + (std::uint64_t{2} << 20));
  // A lookup of a thread that has ended still counts.
  const Stats stats = (*cache)->GetStats();
  CHECK(stats.total.hits + stats.total.misses == 4 * ended);
}

TEST_CASE("ten thousand threads at once are served") {
  const std::size_t threads = kSanitized ? 500 : 10'000;
  auto cache = Cache::Open({.capacity = std::uint64_t{8} << 20}, MakeMemoryStore());
  REQUIRE(cache);
  REQUIRE((*cache)->Put("shared", "v"));
  const std::uint64_t before = ResidentBytes();
  const Wave wave(threads, [&cache](std::size_t number) { BeClient(**cache, number); });
  CAPTURE(wave.threads());
  // Each has a slot of its own, which the next thread takes over when it ends.
  CHECK(epoch::Threads() >= wave.threads());
  const Stats stats = (*cache)->GetStats();
  CHECK(stats.total.hits + stats.total.misses == 4 * wave.threads());
  // Slots and counters for so many stay: a line for the first, a line or more for the second.
  if (!kSanitized) {
    CHECK(ResidentBytes() <= before + (std::uint64_t{64} << 20) + 4096 * wave.threads());
  }
  if (wave.threads() < threads) {
    Skip(std::to_string(wave.threads()) + " threads at once, and the system makes no more");
  }
}

}  // namespace
}  // namespace kvcache::testing
