// Caller: one thread that calls a cache at random and notes what it saw.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/cache.h"
#include "linearizability/history.h"
#include "support/failing_store.h"
#include "support/random_trace.h"

namespace kvcache::testing {

enum class Call : std::uint8_t {
  kGet,
  kGetString,
  kGetInOrder,
  kMultiGet,
  kContains,
  kGetOrCompute,
  kScan,
  kPut,
  kDelete,
  kDeleteRange,
  kWrite,
  kWriteWithKeys,
  kWriteWithRange,
  kOutsideKey,     // a write of the store past the cache, then Invalidate of the key,
  kOutsidePrefix,  // of a prefix,
  kOutsideAll,     // of all
};
inline constexpr std::size_t kCalls = 16;
std::string_view NameOf(Call call);
using Weights = std::array<std::uint32_t, kCalls>;  // how often each call is made

// What the callers of one cache share.
struct Stage {
  Cache& cache;
  Store& store;           // as the cache sees it: it delays and fails
  FailingStore& failing;  // what fails in it
  Store& behind;          // what is behind that
  std::size_t keys;
  std::vector<std::string> policies;         // to switch between
  std::atomic<std::uint64_t> clock = 0;      // orders calls and returns
  std::atomic<Version> versions = kNothing;  // the newest
  std::uint64_t faults_before = 0;           // of `failing`, up to the last quiescent point
};

// Keys whose writer went past the cache and has not ended to invalidate them. What the tier says of
// them is anything.
struct Unsettled {
  KeySet keys;
  std::uint64_t begin;
  std::uint64_t end;
};

class Caller {
 public:
  Caller(Stage& stage, std::uint32_t thread, const Weights& weights, std::uint64_t seed)
      : stage_(stage), thread_(thread), weights_(weights), random_(seed) {}

  void CallSomething();
  // Changes the policy, the capacity, or drops something from the tier.
  void ChangeSomething();
  // Every key by Get, and by a scan.
  void ReadAll();
  // What audits tell of, on the thread of the caller that got a hit.
  static void NoteDisagreement(std::string_view key);

  // What was seen since the last call of Forget.
  const std::vector<Operation>& history() const { return history_; }  // without lookups
  const std::vector<Operation>& lookups() const { return lookups_; }  // by the tier
  const std::vector<Operation>& disagreements() const { return disagreements_; }
  const std::vector<Unsettled>& unsettled() const { return unsettled_; }
  void Forget();

  std::uint64_t calls(Call call) const { return calls_[static_cast<std::size_t>(call)]; }
  // Something that no order of operations can explain; empty: nothing.
  const std::string& complaint() const { return complaint_; }

 private:
  // Steps of a batch and what they come to.
  struct Steps {
    Batch batch;
    KeySet keys = 0;
    Versions versions{};
  };
  struct Range {
    std::size_t begin;
    std::size_t end;
    KeySet keys() const { return KeysBetween(begin, end); }
  };

  void Make(Call call);
  void Get();
  void GetString();
  void GetInOrder();
  void MultiGet();
  void Contains();
  void GetOrCompute();
  void Scan(Range range, std::size_t limit, bool reverse);
  void Put();
  void Delete();
  void DeleteRange();
  void Write();
  void WriteWithKeys();
  void WriteWithRange();
  void WriteOutside(Call call);

  void BeginCall();
  std::uint64_t Now() { return stage_.clock.fetch_add(1); }
  Version NewVersion() { return 1 + stage_.versions.fetch_add(1); }
  std::size_t AnyKey() { return Below(random_, stage_.keys); }
  Range AnyRange();
  bool OneIn(std::size_t n) { return Below(random_, n) == 0; }
  WriteOptions AnyOptions() { return {.sync = false, .fill_tier = !OneIn(8)}; }

  void AddStep(Steps& steps, std::size_t key);
  Steps AnySteps(KeySet keys);
  // Runs a write and notes it.
  void NoteWrite(KeySet keys, const Versions& versions, const std::function<Result<void>()>& write);
  void NoteLookup(std::size_t key, std::uint64_t called, std::uint64_t returned, Version version);
  void NoteAnswer(std::size_t key, std::uint64_t called,
                  const Result<std::optional<Value>>& answer);
  Operation& Note(std::vector<Operation>& where, Operation::Effect effect, KeySet keys,
                  std::uint64_t called, std::uint64_t returned);
  // An error is the store's, and of now: of a call that it was made to fail since all were at rest.
  void NoteError(const Error& error);
  Version VersionIn(std::size_t key, std::string_view value);
  void Complain(std::string what);

  Stage& stage_;
  const std::uint32_t thread_;
  const Weights weights_;
  Random random_;
  static thread_local Caller* calling_;  // on this thread, last
  Call call_ = Call::kGet;               // being made
  std::uint64_t called_ = 0;             // when
  std::vector<Operation> history_;
  std::vector<Operation> lookups_;
  std::vector<Operation> disagreements_;
  std::vector<Unsettled> unsettled_;
  std::array<std::uint64_t, kCalls> calls_{};
  std::string string_;
  std::string complaint_;
};

}  // namespace kvcache::testing
