// The protocol of lib/cache as an explicit state machine: what is written here is what the code
// does, step by step, and nothing of how.
//
// A step is what the code does in one critical section, or by one call of the store, or by one look
// at the table without the lock: what no other thread can come between. Between two steps any other
// thread may take any number of its own. explore_test visits every state that can come of it;
// conformance_test drives the real cache beside this model and compares the two after every step.
//
// An operation begins with its first step and returns with its last, and who joined a load has its
// answer as soon as the load ends: a thread that is slower there is one that goes on later.
//
// An operation is a list of phases (PhasesOf in the source). In each phase each of the operation's
// keys takes one step, in any order; a batch commits in one step. Each key has a shard of its own;
// two in one shard take their steps with none between, which is among the orders explored.
//
// What a key holds in the store is told by a number: commits count it up. A lookup is linearizable
// if it returns what the store held at a moment between call and return, so `required`, the oldest
// it may return, is the store's state when it begins. That is neither too much nor too little: a
// Scan, which reads the store, may have returned just before the lookup began. All writes take
// effect at their commits, a batch with all its keys, so lookups of several keys and batches
// together are linearizable if each lookup of a key is.
//
// What the model leaves out, because it is among what it does:
// - Delete, with absences cached, is Put of another value. A value, or absence, that is not cached
//   (no room, fill_tier, cache_absent) is one cached and evicted at once.
// - WriteWith is Put, or DeleteRange, that caches nothing; CatchUp is DeleteRange of all keys; what
//   GetOrCompute does to the tier is Get and Put; one whose lease is broken fails without effect.
// - SetPolicy and SetCapacity evict, or do nothing to the tier's contents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schedules/rules.h"

namespace kvcache::model {

inline constexpr std::size_t kMostKeys = 2;
inline constexpr std::size_t kMostThreads = 3;

// A state of a key in the store: twice the number of its commit, and 1 if the key is absent.
using Version = std::uint8_t;
inline constexpr Version kNothing = 0xFF;
inline constexpr Version kFailed = 0xFE;  // the store's call returned an error
inline constexpr Version kNever = 0xFD;   // something that the store never held
inline constexpr bool IsValue(Version version) { return version <= kNever; }
inline constexpr bool IsAbsent(Version version) { return version < kNever && (version & 1) != 0; }

inline constexpr std::uint8_t kNobody = 3;

struct Key {
  // The store: what was committed last, and the oldest that a lookup which begins now may return.
  // They differ while somebody has written past the cache and not yet invalidated.
  Version store = 0;
  Version required = 0;
  // The tier.
  Version entry = kNothing;
  // In flight: the record of writes, those of scopes in the key's shard, the load to be joined.
  std::uint8_t writers = 0;
  bool crossed = false;
  std::uint8_t scopes = 0;
  std::uint8_t load = kNobody;  // the thread whose it is

  friend auto operator<=>(const Key&, const Key&) = default;
};

enum class Kind : std::uint8_t {
  kIdle,
  kGet,  // of two keys: MultiGet
  kPut,  // of two keys: a batch
  kDelete,
  kDeleteRange,         // of all keys
  kPutThenDeleteRange,  // one batch; the range covers all keys
  kInvalidate,          // of one key, after somebody has written it past the cache
  kInvalidateAll,       // after somebody has written all keys past the cache, at once
};

struct Op {
  Kind kind = Kind::kIdle;
  std::uint8_t keys = 0;  // bit i: key i

  friend auto operator<=>(const Op&, const Op&) = default;
};

enum class Phase : std::uint8_t {
  // Lookups.
  kFind,       // without the lock
  kLookAgain,  // and register what follows, under the lock
  kRegister,   // only without the rule kRegistersWhereItLooks
  kRead,       // the store
  kFinish,     // under the lock; then the answer for those who joined
  kWait,       // for the loads joined: no step of its own
  // Writes of keys.
  kBegin,
  kCommit,
  kEnd,
  kInsert,  // only without the rule kEndsAndInsertsAtOnce
  // Writes of scopes.
  kBeginScope,
  kSweep,
  kEndScope,
  // Invalidation.
  kCommitOutside,
  kInvalidate,
  kInvalidateScope,
};

enum class Role : std::uint8_t { kNone, kMissed, kAlone, kLoads, kJoins, kWrites };

// What an operation has to do with one key.
struct Part {
  Role role = Role::kNone;  // of a lookup without an answer, of a write begun and not ended
  std::uint8_t owner = 0;   // kJoins: whose load
  // kMissed, kJoins: the oldest that may be returned. kAlone, kLoads: what was read, or kFailed.
  // Writes: what was committed, or kFailed; past the cache too.
  Version version = kNothing;

  friend auto operator<=>(const Part&, const Part&) = default;
};

struct Thread {
  Op op;
  Phase phase = Phase::kFind;
  std::uint8_t pending = 0;  // keys that have still to take the phase's step
  std::array<Part, kMostKeys> parts;

  bool idle() const { return op.kind == Kind::kIdle; }

  friend auto operator<=>(const Thread&, const Thread&) = default;
};

struct State {
  std::array<Key, kMostKeys> keys;
  std::array<Thread, kMostThreads> threads;

  friend auto operator<=>(const State&, const State&) = default;
};

enum class Outcome : std::uint8_t { kOk, kFails, kFailsAfterEffect };

struct Step {
  std::uint8_t thread = kNobody;  // kNobody: the entry of `key` is evicted
  Op op;                          // what the thread is doing; begun by this step if it was idle
  Phase phase = Phase::kFind;
  std::uint8_t key = 0;
  Outcome outcome = Outcome::kOk;  // of a call of the store
};

// What a step shows to the outside: counters as in ShardStats, and answers.
struct Answer {
  std::uint8_t thread;
  std::uint8_t key;
  Version version;  // or kFailed
  bool hit;

  friend auto operator<=>(const Answer&, const Answer&) = default;
};
struct Shown {
  std::uint64_t hits = 0, misses = 0, absent = 0, loads = 0, shared_loads = 0, load_errors = 0,
                stale_loads = 0, inserts = 0, writes = 0, invalidations = 0;
  std::vector<Answer> answers = {};
  std::string_view wrong = {};  // what must never be shown

  friend bool operator==(const Shown&, const Shown&) = default;
};

struct Config {
  std::size_t threads = kMostThreads;
  std::size_t keys = kMostKeys;
  bool cache_absent = true;
  Rules rules = {};
};

class Model {
 public:
  explicit Model(const Config& config) : config_(config) {}
  const Config& config() const { return config_; }

  // Every operation there is.
  std::vector<Op> Ops() const;
  // Every step that can be taken in this state; those of idle threads begin any of `ops`.
  void AddSteps(const State& state, const std::vector<Op>& ops, std::vector<Step>& steps) const;
  // The same of one thread that is not idle.
  void AddSteps(const State& state, std::uint8_t thread, std::vector<Step>& steps) const;
  void Take(State& state, const Step& step, Shown& shown) const;

  // What is wrong with a state; empty if nothing is.
  std::string_view Wrong(const State& state) const;

 private:
  struct At;  // one step being taken

  bool Has(Rule rule) const { return config_.rules.Has(rule); }
  std::uint8_t AllKeys() const { return static_cast<std::uint8_t>((1U << config_.keys) - 1); }
  std::uint8_t KeysOf(const Thread& thread, Phase phase) const;
  void Start(Thread& thread, Op op) const;
  void Advance(State& state, Thread& thread) const;
  bool Waits(const Thread& thread) const;
  bool Stuck(const State& state) const;

  void Find(const At& at) const;
  void LookAgain(const At& at) const;
  void Read(const At& at) const;
  void Finish(const At& at) const;
  void Begin(const At& at) const;
  void Commit(const At& at) const;
  void End(const At& at) const;
  void Insert(const At& at) const;
  void Overtake(const At& at, Rule crosses, Rule overtakes) const;
  void Drop(const At& at) const;

  const Config config_;
};

// "T1 Put(a) begin", "T2 Get(b) read fails".
std::string ToText(const Step& step);
std::string ToText(Op op);

}  // namespace kvcache::model
