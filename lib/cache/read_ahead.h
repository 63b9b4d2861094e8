// ReadAhead: loads of ascending keys, answered by one scan of the store for many of them.
//
// A thread whose misses ascend reads its keys in order, as far as that can be seen. Then the store
// is scanned from the key that it misses on, and what follows is kept for its next misses: a run.
// Runs grow while they are of use, as an operating system's read-ahead of files does, and where
// they turn out not to be, more ascending misses are wanted before the next one.
//
// A run is a snapshot of the store, and answers only while that is the store's latest state:
// no write was under way when it was taken, and none has begun since, of whatever key. So an
// answer is a read of the store at the moment at which that is looked at.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kvcache/store.h"

namespace kvcache {

// Thread-safe.
class ReadAhead {
 public:
  static constexpr std::size_t kStreams = 16;  // threads followed at once

  // The store is borrowed. A run has at most `most` bytes, and a small part of the memory.
  ReadAhead(Store& store, std::uint64_t most, std::uint64_t memory) : store_(store), most_(most) {
    SetMemory(memory);
  }
  void SetMemory(std::uint64_t bytes) { run_bytes_ = std::min(most_, bytes / 256); }

  struct Answer {
    Result<bool> found;  // as Store::Get has it
    bool ahead = false;  // by what an earlier call had read
  };
  // As Store::Get, whatever becomes of a scan ahead.
  Answer Get(std::string_view key, const Store::Receiver& receive);

  // Around whatever changes the store, from before it does to after.
  class Change {
   public:
    explicit Change(ReadAhead& ahead) : ahead_(ahead) { ahead_.begun_.fetch_add(1); }
    ~Change() { ahead_.ended_.fetch_add(1); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    ReadAhead& ahead_;
  };
  // After the store has changed behind the cache's back, and before loads are marked as stale.
  void Forget() { const Change change(*this); }

 private:
  // What is known of a thread's misses, or of those of several threads in turn.
  struct alignas(64) Stream {
    std::atomic<bool> busy = false;      // one thread has all below; others read the store
    std::string last;                    // key that no run answered
    std::size_t ascending = 0;           // such keys in a row, each after the one before
    std::size_t wanted = kFewest;        // of them, before the next run
    std::size_t pairs = kFirst;          // of the next run
    bool taken = false;                  // a run, and it was not judged yet
    Batch run;                           // its pairs, in order
    std::size_t next = 0;                // of them: those before it have been passed
    std::size_t used = 0;                // have answered, after the first
    std::optional<std::uint64_t> begun;  // changes, when it was taken; unset: it answers nothing

    void Drop() {
      taken = false;
      run.Clear();
      next = used = 0;
      begun.reset();
    }
  };
  class Hold;

  static constexpr std::size_t kFewest = 2;
  static constexpr std::size_t kMostWanted = 1024;
  static constexpr std::size_t kFirst = 8;
  static constexpr std::size_t kPairBytes = 32;  // a run takes them for each pair beside its bytes

  bool Covers(const Stream& stream, std::string_view key) const;
  bool Answers(Stream& stream, std::string_view key, const Store::Receiver& receive) const;
  bool Expects(Stream& stream, std::string_view key) const;
  void Read(Stream& stream, std::string_view from, std::uint64_t bytes);

  Store& store_;
  const std::uint64_t most_;
  std::atomic<std::uint64_t> run_bytes_;
  std::array<Stream, kStreams> streams_;
  alignas(64) std::atomic<std::uint64_t> begun_ = 0;  // changes of the store
  std::atomic<std::uint64_t> ended_ = 0;
};

}  // namespace kvcache
