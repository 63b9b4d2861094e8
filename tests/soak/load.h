// The load of the soak: threads that read and write all they can, and know what they may get.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/protocol.h"
#include "kvcache/stats.h"
#include "support/failing_store.h"
#include "support/random_trace.h"

namespace kvcache::soak {

using testing::Below;
using testing::Random;

// What a round of the load did. A lookup is a key.
struct Round {
  std::uint64_t lookups = 0;
  std::uint64_t lookups_perhaps = 0;  // beside these: of a GetOrCompute that failed
  std::uint64_t lookup_errors = 0;
  std::uint64_t writes = 0;  // keys, but those of ranges
  std::uint64_t gets = 0;
  std::uint64_t get_nanoseconds = 0;
  std::uint64_t processor_nanoseconds = 0;  // of all threads together
  LatencyHistogram get_latency;

  Round& operator+=(const Round& other);
};

// Keys 0 .. keys - 1, each with one thread that writes it, so that it is known which versions a
// reader may get: none older than the latest that was acknowledged, or seen, before it began. One
// version in seven is a deletion, and each call that writes a key takes its version from one place
// among the seven to the next, or to the same: so as many keys are absent at any time.
class Load {
 public:
  struct Shape {
    std::size_t keys = 0;
    std::size_t threads = 0;
    std::uint64_t seed = 0;
  };
  // Both are borrowed; `failing` is in the protocol's store.
  Load(Protocol& protocol, testing::FailingStore& failing, const Shape& shape);

  // Each key seven times, in an order of its own each time: so the store is as large from the first
  // round on as it gets, and malloc's memory already in such pieces as come of values of all sizes.
  Round WriteAll();

  // Called on the thread that calls Run over and over, with the number of calls made so far.
  using Meanwhile = std::function<void(std::uint64_t calls)>;
  // Each thread makes so many calls. Only an error that the store was made to give meanwhile is
  // none.
  Round Run(std::uint64_t calls_per_thread, const Meanwhile& meanwhile = nullptr);

  // The first thing that was wrong; empty if nothing was.
  std::string failure();
  // The keys of one thread lie together in the store's order.
  std::string KeyName(std::size_t key) const;
  std::size_t keys() const { return shape_.keys; }

 private:
  struct Key {
    std::atomic<std::uint64_t> started{0};  // the writer's latest, acknowledged or not
    std::atomic<std::uint64_t> floor{0};    // acknowledged, or seen
  };
  // A version of a key, being written.
  using Step = std::pair<std::size_t, std::uint64_t>;

  std::vector<std::future<Round>> OnThreads(
      const std::function<Round(std::size_t thread)>& work) const;
  Round Work(std::size_t thread, std::uint64_t calls);
  void Call(std::size_t thread, Random& random, Round& round);

  void Read(std::size_t key, Round& round);
  void ReadMany(Random& random, Round& round);
  void Scan(Random& random);
  void Write(std::size_t key, Round& round);
  void WriteBatch(std::size_t thread, Random& random, Round& round);
  void WriteRange(std::size_t thread, Random& random);
  void DeleteRange(std::size_t thread, Random& random, Round& round);
  void GetOrCompute(std::size_t key, Round& round);

  std::size_t OwnKey(std::size_t thread, Random& random) const;
  // `key` and those that follow it in the store's order, of the same thread; `count` at most.
  std::vector<std::size_t> KeysFrom(std::size_t key, std::size_t count) const;
  // From the first of these to before what follows the last.
  KeyRange RangeOf(std::span<const std::size_t> keys) const;
  std::string ValueOf(std::size_t key, std::uint64_t version) const;
  std::vector<Step> NextVersions(std::span<const std::size_t> keys);
  Batch BatchOf(std::span<const Step> steps) const;

  void Saw(std::size_t key, std::uint64_t floor, std::optional<std::string_view> value);
  void Acknowledge(std::span<const Step> steps, const Result<void>& written);
  void CheckError(const std::string& call, const Error& error);
  void Fail(const std::string& what);

  Protocol& protocol_;
  testing::FailingStore& failing_;
  const Shape shape_;
  const testing::Zipf zipf_;
  const std::unique_ptr<Key[]> keys_;
  std::vector<Random> randoms_;  // one a thread
  std::uint64_t faults_before_ = 0;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::size_t> working_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::string failure_;
};

}  // namespace kvcache::soak
