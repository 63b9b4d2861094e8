// The load of the soak: threads that read and write all they can, and know what they may get.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/protocol.h"
#include "kvcache/stats.h"
#include "support/random_trace.h"

namespace kvcache::soak {

using testing::Random;

// What a round of the load did. A lookup is a key.
struct Round {
  std::uint64_t lookups = 0;
  std::uint64_t writes = 0;  // keys
  LatencyHistogram get_latency;

  Round& operator+=(const Round& other);
};

// Keys 0 .. keys - 1, each with one thread that writes it, so that it is known which versions a
// reader may get: none older than the latest that was acknowledged, or seen, before it began.
class Load {
 public:
  struct Shape {
    std::size_t keys = 0;
    std::size_t threads = 0;
    std::uint64_t seed = 0;
  };
  // `protocol` is borrowed.
  Load(Protocol& protocol, const Shape& shape);

  // Each key once, so that the store is as large from the first round on as it gets.
  void WriteAll();

  // Called on the thread that calls Run over and over, with the number of calls made so far.
  using Meanwhile = std::function<void(std::uint64_t calls)>;
  // Each thread makes so many calls.
  Round Run(std::uint64_t calls_per_thread, const Meanwhile& meanwhile = nullptr);

  // The first thing that was wrong; empty if nothing was.
  std::string failure();
  std::string KeyName(std::size_t key) const;
  std::size_t keys() const { return shape_.keys; }

 private:
  struct Key {
    std::atomic<std::uint64_t> started{0};  // the writer's latest, acknowledged or not
    std::atomic<std::uint64_t> floor{0};    // acknowledged, or seen
  };

  Round Work(std::size_t thread, std::uint64_t calls);
  void Call(std::size_t thread, Random& random, Round& round);
  void Read(std::size_t key, Round& round);
  void ReadMany(Random& random, Round& round);
  void Write(std::size_t key);
  void WriteBatch(std::size_t thread, Random& random);
  void Saw(std::size_t key, std::uint64_t floor, std::optional<std::string_view> value);
  void Acknowledge(std::size_t key, std::uint64_t version, const Result<void>& written);
  std::string ValueOf(std::size_t key, std::uint64_t version) const;
  std::size_t OwnKey(std::size_t thread, Random& random) const;
  void Fail(const std::string& what);

  Protocol& protocol_;
  const Shape shape_;
  const testing::Zipf zipf_;
  const std::unique_ptr<Key[]> keys_;
  std::vector<Random> randoms_;  // one a thread
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::size_t> working_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::string failure_;
};

}  // namespace kvcache::soak
