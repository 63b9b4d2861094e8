// Policy: who leaves the memory tier. What the author of an eviction policy implements.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/error.h"

namespace kvcache {

// A policy's share of an entry, embedded in it. Twelve bytes, to be used as the policy likes.
struct PolicyNode {
  // What hits write, without a lock: count, last reference, ... Relaxed atomics; a mark may be
  // lost when two threads hit at once, so a policy must take any value here as valid: a wrong one
  // may cost hits, never more.
  std::atomic<std::uint32_t> mark[2] = {0, 0};
  // Where the policy's order keeper holds the node. Read and written under the lock only.
  std::uint32_t position = 0;
};

// What a policy gets from whoever owns it.
struct PolicyContext {
  // The 64-bit hash of a node's key: how policies that remember evicted keys name them.
  std::function<std::uint64_t(const PolicyNode&)> hash;

  // Exact: every touch is one tick of the clock and an eviction repairs the order without bound;
  // for one thread, as the simulator and the equality tests run. Otherwise (the memory tier):
  // the clock ticks by insertions, marks within a tick are skipped, repairs are bounded.
  bool exact = false;

  // No two calls ever overlap, as in the simulator: a hit may move lists and needs no lock.
  bool one_thread = false;
};

// One instance a shard. Orders nodes; owns none of them, and knows no keys, values or locks.
//
// Thread-safety: Touch may be called at any time from any thread, for a node that is ordered, is
// just leaving, or has just left. All other members are called under the shard's lock, and so is
// Touch where PolicyContext::exact is set or PolicyInfo::touch_needs_lock.
//
// Exceptions: Admit and Insert may throw, having entered nothing; the entry is then not cached. No
// other member may: the call in which one does fails or ends the process, and the tier is not in
// order after it.
//
// A node's life: Admit and Insert, or Replace with it as `now`; any number of Touch; then Erase,
// Evict, Drain, or Replace with it as `old`. Between Admit and Insert of a node there is nothing
// but calls of Evict.
class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // The total weight of the nodes that fit, for policies that divide it. To be called before the
  // first Admit, and when it changes. The memory tier, where tables and history take their share of
  // the same bytes, calls it with an estimate and, before evictions, with what is resident.
  virtual void SetCapacity([[maybe_unused]] std::uint64_t weight) {}

  // A request missed and the node is about to be inserted: sets its marks, from the history of
  // evicted keys if the policy keeps one. The evictions that make room come after it, or, in the
  // memory tier, came before. `weight`: bytes, or 1 where entries are counted.
  virtual void Admit(PolicyNode& node, std::uint64_t hash, std::uint32_t weight) = 0;

  // Enters an admitted node into the order.
  virtual void Insert(PolicyNode& node) = 0;

  // A hit.
  virtual void Touch(PolicyNode& node) = 0;

  // Takes out a node that leaves for another reason than eviction. Nothing is remembered of it.
  virtual void Erase(PolicyNode& node) = 0;

  // Takes out the victim and returns it; null when empty. May remember its hash.
  virtual PolicyNode* Evict() = 0;

  // Brings recorded order up to the marks, so that Drain returns the true order.
  // `slice` nodes from number `from` on; returns where to go on, 0 when done.
  virtual std::size_t Settle(std::size_t from, std::size_t slice) = 0;

  // Takes out the coldest node as far as is known without repairs; null when empty. For switching
  // policies, when no hit marks for this one any more.
  virtual PolicyNode* Drain() = 0;

  // `now` takes the place of `old`, marks and position alike, and has this weight. The entry moved
  // in memory; or its key was written, and a Touch follows.
  virtual void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t weight) = 0;

  // A little upkeep, paid for by hits now and then; must be cheap. `hits`: how many there were
  // since this thread last paid.
  virtual void Repair([[maybe_unused]] std::uint32_t hits) {}

  // Nodes in the order.
  virtual std::size_t size() const = 0;

  // Bytes the policy holds beside the nodes: order, history. Part of the tier's capacity.
  virtual std::size_t MemoryBytes() const = 0;
};

// A parameter as users write it: "k=2" in "lru-k:k=2".
struct PolicyParameter {
  std::string name;
  double value = 0;  // in the registry: the default
  double least = 0;
  double most = 0;
  bool integer = false;
  std::string help;  // one line
};

// A row of the registry, from which parsing, help, error texts, tests and benchmarks all read.
struct PolicyInfo {
  std::string name;                         // "lru-k"
  std::string help;                         // one line
  std::vector<PolicyParameter> parameters;  // all that it takes
  // Hits must take the shard's lock to call Touch (policies that move lists on a hit).
  bool touch_needs_lock = false;
  // Called with values in the order of `parameters`. Never returns null, and throws nothing but
  // std::bad_alloc.
  std::function<std::unique_ptr<Policy>(const PolicyContext&, const std::vector<double>&)> make;
};

// Adds a policy of the caller's own, usable by name everywhere from then on.
// Errors: kInvalidArgument when its name is taken, when a name is not of [a-z0-9-] or two
// parameters have one, and when a parameter's default is not within its bounds. Thread-safe.
Result<void> RegisterPolicy(PolicyInfo info);

// All policies, built-in ones first. Thread-safe.
std::vector<PolicyInfo> RegisteredPolicies();

}  // namespace kvcache
