// Recorder: writes what is looked up into a trace, while the cache is at work.
//
// A lookup of a sampled key appends its line to one buffer under one lock, which is what makes the
// order of the trace a true one; a thread writes the buffer to the file. Keys are sampled by the
// tier's hash, whose seed is random: kvtool's simulations sample again, by another hash of the key,
// and two samples by one hash would be the same keys, not a share of a share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "cache/trace_line.h"
#include "kvcache/error.h"
#include "kvcache/options.h"
#include "kvcache/stats.h"

namespace kvcache {

// Thread-safe, but the destructor, which stops.
class Recorder {
 public:
  Recorder();
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // As in Cache.
  Result<void> Start(const RecordOptions& options);
  Result<RecordingStats> Stop();
  RecordingStats GetStats() const;

  bool on() const { return bound_.load(std::memory_order_relaxed) != 0; }
  // Whether a lookup of a key of this hash is to be recorded. A shift, so that a bound can be above
  // all hashes.
  bool Wants(std::uint64_t hash) const {
    return hash >> 1 < bound_.load(std::memory_order_relaxed);
  }

  // When the lookup is done. May wait, so under no guard and no lock. What is no longer wanted is
  // left out.
  void Record(std::uint64_t hash, const TraceLine& line);

 private:
  struct State;

  static std::uint64_t BoundOf(double sample);
  static RecordingStats StatsOf(const State& state);
  void WriteFile();
  // Under the state's lock. The first error is the one that is told. Takes no memory: the writer
  // has nobody to throw to, and a lookup must not fail for it.
  void EndWith(Error error) noexcept;

  // Read by every lookup. Written under the state's lock; 0 while nothing is recorded.
  std::atomic<std::uint64_t> bound_{0};
  const std::unique_ptr<State> state_;  // elsewhere, as it is written at every recorded lookup
};

}  // namespace kvcache
