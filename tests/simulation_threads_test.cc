// Threads of a simulation that cannot be started, and those that something is thrown in.
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "simulate/miss_ratio_curve.h"
#include "simulate/simulation.h"
#include "simulate/worker_threads.h"
#include "support/random_trace.h"
#include "support/sample_policies.h"
#include "support/simulations.h"
#include "support/watchdog.h"

namespace kvcache::testing {
namespace {

constexpr std::uint64_t kRequests = 2 * RequestReader::kBatch + 99;

// While it exists no thread can be started, once Forbid was called: none has room for its stack.
class ThreadLimit {
 public:
  ThreadLimit() { pthread_getattr_default_np(&usual_); }
  ~ThreadLimit() {
    pthread_setattr_default_np(&usual_);
    pthread_attr_destroy(&usual_);
  }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

  static void Forbid() {
    pthread_attr_t huge;
    pthread_attr_init(&huge);
    pthread_attr_setstacksize(&huge, std::size_t{1} << 47);
    pthread_setattr_default_np(&huge);
    pthread_attr_destroy(&huge);
  }

 private:
  pthread_attr_t usual_;
};

// fifo, with something that happens at each admission.
PolicySpec FifoThat(const std::function<void()>& act) {
  class Acting final : public FifoPolicy {
   public:
    explicit Acting(std::function<void()> act) : act_(std::move(act)) {}
    void Admit(PolicyNode&, std::uint64_t, std::uint32_t) override { act_(); }

   private:
    const std::function<void()> act_;
  };
  PolicySpec spec;
  spec.info.make = [act](const PolicyContext&, const std::vector<double>&) {
    return std::make_unique<Acting>(act);
  };
  return spec;
}

struct Scene {
  TempFolder folder;
  std::string path = WriteTrace(folder, RandomTrace(Seed(), kRequests, 400));
  std::vector<SimulatedCase> cases = {{SpecOf("lru"), 50}, {SpecOf("fifo"), 70}};
};

TEST_CASE("threads are started until the system gives no more") {
  const ThreadLimit limit;
  std::atomic<int> calls{0};
  const auto work = [&calls] { ++calls; };
  CHECK(StartThreads(0, work).empty());
  CHECK(StartThreads(1, work).empty());
  CHECK(StartThreads(3, work).size() == 2);
  CHECK(calls == 2);
  ThreadLimit::Forbid();
  CHECK(StartThreads(3, work).empty());
}

TEST_CASE("a simulation goes on with the threads that there are") {
  const Watchdog watchdog("a simulation without threads");
  Scene scene;
  const auto usual = MustSimulate(scene.path, scene.cases);
  for (const bool from_the_first : {true, false}) {
    CAPTURE(from_the_first);
    const ThreadLimit limit;
    // While the main one is busy starting threads, one of them sees to it that it gets no more.
    scene.cases.push_back({FifoThat(ThreadLimit::Forbid), 10});
    if (from_the_first) ThreadLimit::Forbid();
    const auto results = MustSimulate(scene.path, scene.cases, {.threads = 500});
    for (std::size_t i = 0; i < usual.size(); ++i) {
      CHECK(results[i].counts.requests == kRequests);
      CHECK(results[i].counts.misses == usual[i].counts.misses);
    }
  }
}

TEST_CASE("what is thrown in a simulation's threads reaches the caller") {
  const Watchdog watchdog("a simulation with exceptions");
  Scene scene;
  std::atomic<std::uint64_t> admissions_left = 0;
  const auto fail = [&admissions_left] {
    if (admissions_left-- == 0) throw std::bad_alloc();
  };
  for (int i = 0; i < 5; ++i) scene.cases.push_back({FifoThat(fail), 50});
  for (const unsigned threads : {1U, 4U}) {
    for (const std::uint64_t admissions : {0U, 1000U, 50'000U}) {
      CAPTURE(threads);
      CAPTURE(admissions);
      admissions_left = admissions;
      CHECK_THROWS_AS(MustSimulate(scene.path, scene.cases, {.threads = threads}), std::bad_alloc);
    }
    const SimulationOptions options = {
        .threads = threads, .progress = [](std::uint64_t) { throw std::runtime_error("tired"); }};
    CHECK_THROWS_WITH(MustSimulate(scene.path, {{SpecOf("lru"), 9}}, options), "tired");
  }
}

TEST_CASE("what is thrown in the threads of sampled curves reaches the caller") {
  const Scene scene;
  const auto sample = SampleTrace(scene.path, {}, SizeUnit::kObjects, 1000, IgnoreProgress);
  REQUIRE(sample);
  const std::vector<std::optional<PolicySpec>> policies = {
      SpecOf("fifo"), FifoThat([] { throw std::bad_alloc(); })};
  const std::vector<std::uint64_t> sizes = {1, 10, 100};
  for (const unsigned threads : {1U, 4U}) {
    CHECK_THROWS_AS(SampledCurves(*sample, SizeUnit::kBytes, policies, sizes, threads),
                    std::bad_alloc);
  }
}

}  // namespace
}  // namespace kvcache::testing
