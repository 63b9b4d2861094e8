#include "linearizability/round.h"

#include <fmt/format.h>

#include <algorithm>
#include <barrier>
#include <deque>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "kvcache/memory_store.h"
#include "kvcache/policy.h"
#include "kvcache/rocksdb.h"
#include "linearizability/checker.h"
#include "linearizability/minimize.h"
#include "linearizability/values.h"
#include "support/failing_store.h"
#include "support/temp_folder.h"
#include "support/watchdog.h"
#include "support/yielding_store.h"

namespace kvcache::testing {
namespace {

template <class T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

template <class T>
T OneOf(Random& random, std::initializer_list<T> choices) {
  return choices.begin()[Below(random, choices.size())];
}

// How often each call is made, before the round's own preferences.
constexpr Weights kWeights = {40, 30, 8, 16, 8, 8, 6, 30, 10, 3, 10, 4, 2, 3, 1, 1};

// A round makes some calls more often and some not at all: faults show sooner where fewer kinds of
// calls hide each other's effects (Groce et al., "Swarm testing", 2012).
Weights AnyWeights(Random& random) {
  Weights weights = kWeights;
  for (std::size_t call = 1; call < kCalls; ++call) {
    weights[call] *= OneOf<std::uint32_t>(random, {0, 1, 2, 4});
  }
  return weights;
}

// In rounds in order one caller makes some changes, and the others none.
constexpr Weights kInOrder = {0, 0, 1};
constexpr Weights kSomeChanges = {0, 0, 20, 0, 0, 0, 0, 10, 1, 0, 1, 1, 1, 10, 2, 2};

std::vector<std::string> PoliciesOf(const RoundOptions& options) {
  if (!options.policy.empty()) return {options.policy};
  std::vector<std::string> names;
  for (const PolicyInfo& info : RegisteredPolicies()) names.push_back(info.name);
  return names;
}

class Round {
 public:
  explicit Round(const RoundOptions& options);
  RoundResult Run();

 private:
  struct AtBarrier {
    Round& round;
    void operator()() noexcept { round.EndPiece(); }
  };

  // A store that delays over one that fails over one that does neither: store_, failing_, behind_.
  std::unique_ptr<Store> MakeStore(bool rocksdb);
  Options CacheOptions();
  void RunThread(Caller& caller);
  void EndPiece();
  void CheckAudits(const std::vector<Operation>& disagreements);
  std::vector<Operation> TakePiece();
  std::vector<Operation> Settled(const std::vector<Operation>& (Caller::*seen)() const) const;

  const RoundOptions options_;
  Random random_;
  const bool in_order_;  // what is read ahead lasts: few changes, and hardly any room in the tier
  std::optional<Watchdog> watchdog_{"the first piece of a round"};
  std::optional<TempFolder> folder_;
  Store* store_ = nullptr;
  FailingStore* failing_ = nullptr;
  Store* behind_ = nullptr;
  std::unique_ptr<Cache> cache_;
  std::unique_ptr<Stage> stage_;
  std::deque<Caller> callers_;
  std::size_t calls_per_piece_ = 0;  // of a thread
  std::size_t calls_per_change_ = 0;
  std::uint64_t pieces_wanted_ = 0;

  std::optional<std::barrier<AtBarrier>> barrier_;
  Checker checker_;
  RoundResult result_;
};

Round::Round(const RoundOptions& options)
    : options_(options), random_(options.seed), in_order_(Below(random_, 3) == 0) {
  const std::size_t keys = 3 + Below(random_, kMostKeys - 2);
  auto store = MakeStore(options.rocksdb);
  cache_ = Must(Cache::Open(CacheOptions(), std::move(store)));
  stage_.reset(new Stage{*cache_, *store_, *failing_, *behind_, keys, PoliciesOf(options)});
  const Weights weights = AnyWeights(random_);
  const std::size_t any_threads = in_order_ ? 2 + Below(random_, 3) : 4 + Below(random_, 5);
  const std::size_t threads = options.threads != 0 ? options.threads : any_threads;
  for (std::size_t i = 0; i < threads; ++i) {
    const Weights& those = in_order_ ? (i == 0 ? kSomeChanges : kInOrder) : weights;
    callers_.emplace_back(*stage_, static_cast<std::uint32_t>(i), those, random_());
  }
  calls_per_piece_ = 10 + Below(random_, 40);
  calls_per_change_ = 5 + Below(random_, 100);
  pieces_wanted_ = std::max<std::uint64_t>(1, options.operations / (threads * calls_per_piece_));
}

std::unique_ptr<Store> Round::MakeStore(bool rocksdb) {
  std::unique_ptr<Store> inner = nullptr;
  if (rocksdb) {
    folder_.emplace();
    inner = Must(OpenRocksDb(*folder_ / "db", {}));
  } else {
    inner = MakeMemoryStore();
  }
  behind_ = inner.get();
  Batch steady;
  for (std::size_t i = 0; i < kSteadyKeys; ++i) steady.Put(SteadyName(i), kSteadyValue);
  Must(behind_->Write(steady, {}));
  auto failing = std::make_unique<FailingStore>(std::move(inner));
  failing_ = failing.get();
  failing->FailRandomly(random_(), OneOf(random_, {0.0, 0.01, 0.1}));
  auto yielding = std::make_unique<YieldingStore>(std::move(failing),
                                                  OneOf<std::uint64_t>(random_, {1, 2, 3, 7, 31}));
  store_ = yielding.get();
  return yielding;
}

Options Round::CacheOptions() {
  Options options;
  options.capacity = OneOf<std::uint64_t>(random_, {0, 16 << 10, 1 << 20});
  options.capacity_entries = Below(random_, 2) == 0 ? 0 : 1 + Below(random_, kMostKeys);
  if (in_order_) options.capacity_entries = 1 + Below(random_, 2);
  const auto policies = PoliciesOf(options_);
  options.policy = policies[Below(random_, policies.size())];
  options.shards = OneOf<std::uint32_t>(random_, {1, 2, 4});
  options.cache_absent = Below(random_, 2) == 0;
  options.value_alignment = OneOf<std::uint32_t>(random_, {16, 64});
  options.audit_one_in = options_.audits ? 1 : 0;
  options.on_disagreement = Caller::NoteDisagreement;
  return options;
}

RoundResult Round::Run() {
  barrier_.emplace(static_cast<std::ptrdiff_t>(callers_.size()), AtBarrier{*this});
  std::vector<std::jthread> threads;
  for (Caller& caller : callers_) threads.emplace_back([&] { RunThread(caller); });
  threads.clear();
  if (result_.violation.empty()) {
    callers_.front().ReadAll();
    EndPiece();
  }
  for (const Caller& caller : callers_) {
    for (std::size_t call = 0; call < kCalls; ++call) {
      result_.calls[call] += caller.calls(static_cast<Call>(call));
      result_.operations += caller.calls(static_cast<Call>(call));
    }
  }
  result_.most_configurations = checker_.most_configurations();
  result_.loads_ahead = cache_->GetStats().total.loads_ahead;
  return std::move(result_);
}

void Round::RunThread(Caller& caller) {
  std::size_t calls = 0;
  for (std::uint64_t piece = 0; piece < pieces_wanted_ && result_.violation.empty(); ++piece) {
    for (std::size_t i = 0; i < calls_per_piece_; ++i) {
      caller.CallSomething();
      if (++calls % calls_per_change_ == 0 && !in_order_) caller.ChangeSomething();
    }
    barrier_->arrive_and_wait();
  }
}

// While no thread is in a call.
void Round::EndPiece() {
  watchdog_.emplace("a piece of a round");
  for (const Caller& caller : callers_) {
    if (!caller.complaint().empty()) result_.violation = caller.complaint() + "\n";
  }
  stage_->faults_before = failing_->faults();
  const std::vector<Operation> disagreements = Settled(&Caller::disagreements);
  const std::vector<Operation> piece = TakePiece();
  const Checker before = checker_;
  ++result_.pieces;
  if (!result_.violation.empty()) return;
  if (options_.audits) return CheckAudits(disagreements);
  if (!checker_.Check(piece)) return;
  const std::vector<Operation> minimized = Minimize(before, piece);
  KeySet keys = 0;
  for (const Operation& operation : minimized) keys |= operation.keys;
  result_.violation = fmt::format(
      "not linearizable; {} of {} operations between two quiescent points, calls and returns "
      "numbered:\n",
      minimized.size(), piece.size());
  std::set<std::string> states;
  for (const Versions& state : before.States()) states.insert(ToText(keys, state));
  for (const std::string& state : states) result_.violation += "  before: " + state + "\n";
  result_.violation += ToText(minimized);
}

void Round::CheckAudits(const std::vector<Operation>& disagreements) {
  result_.audits = cache_->GetStats().total.audits;
  if (disagreements.empty()) return;
  result_.violation = fmt::format("the store did not have {} of {} hits so, among them:\n",
                                  disagreements.size(), result_.audits);
  result_.violation += ToText(disagreements);
}

std::vector<Operation> Round::TakePiece() {
  std::vector<Operation> piece;
  for (const Caller& caller : callers_) {
    piece.insert(piece.end(), caller.history().begin(), caller.history().end());
  }
  std::ranges::copy(Settled(&Caller::lookups), std::back_inserter(piece));
  for (Caller& caller : callers_) caller.Forget();
  return piece;
}

// What all callers saw in the tier, less what it said of keys that were unsettled then.
std::vector<Operation> Round::Settled(const std::vector<Operation>& (Caller::*seen)() const) const {
  std::vector<Unsettled> unsettled;
  for (const Caller& caller : callers_) {
    unsettled.insert(unsettled.end(), caller.unsettled().begin(), caller.unsettled().end());
  }
  std::vector<Operation> settled;
  for (const Caller& caller : callers_) {
    std::ranges::copy_if((caller.*seen)(), std::back_inserter(settled), [&](const Operation& one) {
      return std::ranges::none_of(unsettled, [&](const Unsettled& window) {
        return (window.keys & one.keys) != 0 && window.begin < one.returned &&
               one.called < window.end;
      });
    });
  }
  return settled;
}

}  // namespace

RoundResult RunRound(const RoundOptions& options) { return Round(options).Run(); }

}  // namespace kvcache::testing
