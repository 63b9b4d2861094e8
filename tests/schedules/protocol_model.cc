#include "schedules/protocol_model.h"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

namespace kvcache::model {
namespace {

using enum Phase;

constexpr Phase kLookup[] = {kFind, kLookAgain, kRegister, kRead, kFinish, kWait};
constexpr Phase kWrite[] = {kBegin, kCommit, kEnd, kInsert};
constexpr Phase kWriteBehind[] = {kBegin, kEnd, kInsert, kCommit};
constexpr Phase kRange[] = {kBeginScope, kSweep, kCommit, kEndScope};
constexpr Phase kRangeSweptLate[] = {kBeginScope, kCommit, kSweep, kEndScope};
constexpr Phase kPutInRange[] = {kBeginScope, kSweep, kBegin, kCommit, kEnd, kInsert, kEndScope};
constexpr Phase kOne[] = {kCommitOutside, kInvalidate};
constexpr Phase kAll[] = {kCommitOutside, kInvalidateScope, kSweep};
constexpr Phase kAllSweptFirst[] = {kCommitOutside, kSweep, kInvalidateScope};

std::span<const Phase> PhasesOf(Kind kind, const Rules& rules) {
  switch (kind) {
    case Kind::kIdle:
      return {};
    case Kind::kGet:
      return kLookup;
    case Kind::kPut:
    case Kind::kDelete:
      if (!rules.Has(Rule::kEndsAfterCommit)) return kWriteBehind;
      return kWrite;
    case Kind::kDeleteRange:
      if (!rules.Has(Rule::kRangeSweepsBeforeCommit)) return kRangeSweptLate;
      return kRange;
    case Kind::kPutThenDeleteRange:
      return kPutInRange;
    case Kind::kInvalidate:
      return kOne;
    case Kind::kInvalidateAll:
      if (!rules.Has(Rule::kInvalidateAllMarksFirst)) return kAllSweptFirst;
      return kAll;
  }
  return {};
}

constexpr std::uint8_t Bit(std::size_t key) { return static_cast<std::uint8_t>(1U << key); }

Version Next(Version store, bool absent) {
  return static_cast<Version>(((store >> 1) + 1) << 1 | (absent ? 1 : 0));
}

std::uint8_t WithRole(const Thread& thread, Role role) {
  std::uint8_t keys = 0;
  for (std::size_t k = 0; k < kMostKeys; ++k) {
    if (thread.parts[k].role == role) keys |= Bit(k);
  }
  return keys;
}

}  // namespace

struct Model::At {
  State& state;
  std::uint8_t thread_index;
  std::uint8_t key_index;
  Outcome outcome;
  Shown& shown;

  Thread& thread() const { return state.threads[thread_index]; }
  Key& key() const { return state.keys[key_index]; }
  Part& part() const { return thread().parts[key_index]; }

  void Answer(std::uint8_t to, Version version, bool hit) const {
    Part& part = state.threads[to].parts[key_index];
    if (IsValue(version) && IsValue(part.version) && version < part.version) {
      shown.wrong = "a lookup returns what was no longer so when it began";
    }
    shown.answers.push_back({to, key_index, version, hit});
    part = {};
  }
};

std::vector<Op> Model::Ops() const {
  std::vector<Op> ops;
  for (const Kind kind : {Kind::kGet, Kind::kPut, Kind::kDelete, Kind::kInvalidate}) {
    for (std::size_t k = 0; k < config_.keys; ++k) ops.push_back({kind, Bit(k)});
  }
  ops.push_back({Kind::kDeleteRange, AllKeys()});
  ops.push_back({Kind::kInvalidateAll, AllKeys()});
  for (std::size_t k = 0; k < config_.keys; ++k) ops.push_back({Kind::kPutThenDeleteRange, Bit(k)});
  if (config_.keys > 1) {
    ops.push_back({Kind::kGet, AllKeys()});
    ops.push_back({Kind::kPut, AllKeys()});
  }
  return ops;
}

void Model::AddSteps(const State& state, const std::vector<Op>& ops,
                     std::vector<Step>& steps) const {
  for (std::uint8_t t = 0; t < config_.threads; ++t) {
    if (!state.threads[t].idle()) {
      AddSteps(state, t, steps);
      continue;
    }
    for (const Op op : ops) {
      State begun = state;
      Start(begun.threads[t], op);
      AddSteps(begun, t, steps);
    }
  }
  for (std::uint8_t k = 0; k < config_.keys; ++k) {
    const Key& key = state.keys[k];
    const bool forgets = !Has(Rule::kSwitchForgetsNoWrites) && key.writers > 0;
    if (key.entry != kNothing || forgets) steps.push_back({kNobody, {}, kFind, k});
  }
}

void Model::AddSteps(const State& state, std::uint8_t t, std::vector<Step>& steps) const {
  const Thread& thread = state.threads[t];
  if (thread.phase == kRead && !Has(Rule::kOwnLoadsBeforeOthers) && Waits(thread)) return;
  const int outcomes = thread.phase == kCommit ? 3 : thread.phase == kRead ? 2 : 1;
  for (std::uint8_t k = 0; k < config_.keys; ++k) {
    if ((thread.pending & Bit(k)) == 0) continue;
    for (int i = 0; i < outcomes; ++i) {
      steps.push_back({t, thread.op, thread.phase, k, static_cast<Outcome>(i)});
    }
  }
}

// The keys that take a step in this phase.
std::uint8_t Model::KeysOf(const Thread& thread, Phase phase) const {
  switch (phase) {
    case kLookAgain:
      return WithRole(thread, Role::kMissed);
    case kRegister:
      return Has(Rule::kRegistersWhereItLooks) ? 0 : WithRole(thread, Role::kLoads);
    case kRead:
    case kFinish:
      return WithRole(thread, Role::kAlone) | WithRole(thread, Role::kLoads);
    case kWait:
      return 0;
    case kInsert:
      return Has(Rule::kEndsAndInsertsAtOnce) ? 0 : thread.op.keys;
    case kCommit:
    case kCommitOutside:
      return 1;
    case kBeginScope:
    case kSweep:
    case kEndScope:
    case kInvalidateScope:
      return AllKeys();
    default:
      return thread.op.keys;
  }
}

void Model::Start(Thread& thread, Op op) const {
  thread = {};
  thread.op = op;
  thread.phase = PhasesOf(op.kind, config_.rules).front();
  thread.pending = KeysOf(thread, thread.phase);
}

// To the next phase in which there is something to do; or to the end.
void Model::Advance(State& state, Thread& thread) const {
  const auto phases = PhasesOf(thread.op.kind, config_.rules);
  while (thread.pending == 0) {
    auto next = std::ranges::find(phases, thread.phase);
    if (next != phases.end() && ++next == phases.end()) break;
    thread.phase = *next;
    thread.pending = KeysOf(thread, thread.phase);
  }
  if (thread.pending != 0 || Waits(thread)) return;
  if (thread.op.kind == Kind::kInvalidate || thread.op.kind == Kind::kInvalidateAll) {
    for (std::size_t k = 0; k < config_.keys; ++k) {
      Key& key = state.keys[k];
      if (thread.parts[k].version != kNothing) {
        key.required = std::max(key.required, thread.parts[k].version);
      }
    }
  }
  thread = {};
}

bool Model::Waits(const Thread& thread) const { return WithRole(thread, Role::kJoins) != 0; }

void Model::Take(State& state, const Step& step, Shown& shown) const {
  if (step.thread == kNobody) {
    Key& key = state.keys[step.key];
    key.entry = kNothing;
    if (!Has(Rule::kSwitchForgetsNoWrites)) key.writers = 0;
    return;
  }
  const At at{state, step.thread, step.key, step.outcome, shown};
  Thread& thread = at.thread();
  if (thread.idle()) Start(thread, step.op);
  const bool one_step = step.phase == kCommit || step.phase == kCommitOutside ||
                        (step.phase == kBegin && !Has(Rule::kBeginsAllFirst));
  thread.pending = one_step ? 0 : static_cast<std::uint8_t>(thread.pending & ~Bit(step.key));
  switch (step.phase) {
    case kFind:
      Find(at);
      break;
    case kLookAgain:
      LookAgain(at);
      break;
    case kRegister:
      if (at.key().load == kNobody) at.key().load = step.thread;
      break;
    case kRead:
      Read(at);
      break;
    case kFinish:
      Finish(at);
      break;
    case kWait:
      break;
    case kBegin:
      Begin(at);
      break;
    case kCommit:
    case kCommitOutside:
      Commit(at);
      break;
    case kEnd:
      End(at);
      break;
    case kInsert:
      Insert(at);
      break;
    case kBeginScope:
      ++at.key().scopes;
      Overtake(at, Rule::kRangeCrosses, Rule::kRangeOvertakesLoads);
      break;
    case kSweep:
      Drop(at);
      break;
    case kEndScope:
      --at.key().scopes;
      break;
    case kInvalidate:
      Overtake(at, Rule::kInvalidateCrosses, Rule::kInvalidateOvertakesLoads);
      Drop(at);
      break;
    case kInvalidateScope:
      Overtake(at, Rule::kInvalidateCrosses, Rule::kInvalidateOvertakesLoads);
      break;
  }
  Advance(state, thread);
}

// Lookups.

void Model::Find(const At& at) const {
  const Key& key = at.key();
  at.part() = {.role = Role::kMissed, .version = key.required};
  if (key.entry == kNothing) return;
  ++at.shown.hits;
  if (IsAbsent(key.entry)) ++at.shown.absent;
  at.Answer(at.thread_index, key.entry, true);
}

void Model::LookAgain(const At& at) const {
  Key& key = at.key();
  if (key.entry != kNothing && Has(Rule::kLooksAgain)) {
    ++at.shown.hits;
    if (IsAbsent(key.entry)) ++at.shown.absent;
    return at.Answer(at.thread_index, key.entry, true);
  }
  ++at.shown.misses;
  Part& part = at.part();
  if (key.writers > 0 || (key.scopes > 0 && Has(Rule::kRangeCoversUncached))) {
    ++at.shown.loads;
    part = {.role = Role::kAlone};
    if (!Has(Rule::kAloneIsNotShared) && key.load == kNobody) key.load = at.thread_index;
    return;
  }
  std::uint8_t owner = key.load;
  for (std::uint8_t t = 0; t < config_.threads && !Has(Rule::kStaleTakesNoReaders); ++t) {
    if (at.state.threads[t].parts[at.key_index].role == Role::kLoads) owner = t;
  }
  if (owner != kNobody) {
    ++at.shown.shared_loads;
    part.role = Role::kJoins;
    part.owner = owner;
    return;
  }
  ++at.shown.loads;
  part = {.role = Role::kLoads};
  if (Has(Rule::kRegistersWhereItLooks)) key.load = at.thread_index;
}

void Model::Read(const At& at) const {
  at.part().version = at.outcome == Outcome::kOk ? at.key().store : kFailed;
}

void Model::Finish(const At& at) const {
  Key& key = at.key();
  const Part part = at.part();
  const bool loads = part.role == Role::kLoads;
  bool stale = key.load != at.thread_index;
  if (!Has(Rule::kEndsByIdentity)) stale = key.load == kNobody;
  if (!stale) key.load = kNobody;
  if (loads && stale) ++at.shown.stale_loads;
  bool caches = loads && !stale;
  if (loads && !Has(Rule::kStaleIsNotCached)) caches = key.entry == kNothing;
  if (!loads && !Has(Rule::kAloneIsNotCached)) caches = key.entry == kNothing;
  if (caches) Insert(at);
  if (part.version == kFailed) ++at.shown.load_errors;
  at.part().version = kNothing;
  at.Answer(at.thread_index, part.version, false);
  if (part.version == kFailed && !Has(Rule::kFailedLoadsAnswer)) return;
  const bool absent = IsAbsent(part.version);
  if (absent) ++at.shown.absent;
  for (std::uint8_t t = 0; t < config_.threads; ++t) {
    const Part& other = at.state.threads[t].parts[at.key_index];
    if (other.role != Role::kJoins || other.owner != at.thread_index) continue;
    if (absent) ++at.shown.absent;
    at.Answer(t, part.version, false);
    Advance(at.state, at.state.threads[t]);
  }
}

// Writes.

void Model::Begin(const At& at) const {
  Key& key = at.key();
  at.part().role = Role::kWrites;
  ++key.writers;
  if (key.writers > 1 || (key.scopes > 0 && Has(Rule::kRangeCrossesLaterWrites))) {
    key.crossed = true;
  }
  if (Has(Rule::kOvertakesLoads)) key.load = kNobody;
  if (Has(Rule::kDropsBeforeCommit)) Drop(at);
}

void Model::Commit(const At& at) const {
  const Op op = at.thread().op;
  const bool all = op.kind == Kind::kDeleteRange || op.kind == Kind::kPutThenDeleteRange;
  const bool outside = op.kind == Kind::kInvalidate || op.kind == Kind::kInvalidateAll;
  for (std::size_t k = 0; k < config_.keys; ++k) {
    const bool its_own = (op.keys & Bit(k)) != 0;
    if (!all && !its_own) continue;
    Key& key = at.state.keys[k];
    if (at.outcome != Outcome::kFails) {
      key.store = Next(key.store, all || op.kind == Kind::kDelete);
      if (!outside) key.required = key.store;
    }
    Version& to_cache = at.thread().parts[k].version;
    if (op.kind == Kind::kDeleteRange || !its_own) {
      to_cache = kNothing;
    } else if (at.outcome != Outcome::kOk && Has(Rule::kFailedWritesAreNotCached)) {
      to_cache = kFailed;
    } else if (at.outcome == Outcome::kFails || op.kind == Kind::kPutThenDeleteRange) {
      to_cache = kNever;
    } else {
      to_cache = key.store;
    }
  }
}

void Model::End(const At& at) const {
  Key& key = at.key();
  if (at.part().role != Role::kWrites) Begin(at);  // only without the rule kBeginsAllFirst
  at.part().role = Role::kNone;
  if (!Has(Rule::kDropsBeforeCommit)) Drop(at);
  if (!Has(Rule::kEndsAfterCommit)) at.part().version = kNever;
  ++at.shown.writes;
  bool crossed = key.crossed;
  if (key.writers > 0) --key.writers;
  if (!Has(Rule::kCrossedSticks)) crossed = key.writers > 0;
  if (!Has(Rule::kCrossingWritesAreNotCached)) crossed = key.entry != kNothing;
  if (key.writers == 0) key.crossed = false;
  if (crossed) at.part().version = kNothing;
  if (Has(Rule::kEndsAndInsertsAtOnce)) Insert(at);
}

void Model::Insert(const At& at) const {
  const Version version = std::exchange(at.part().version, kNothing);
  if (!IsValue(version)) return;
  if (IsAbsent(version) && !config_.cache_absent) return;
  Key& key = at.key();
  if (key.entry != kNothing) at.shown.wrong = "a key gets a second entry";
  key.entry = version;
  ++at.shown.inserts;
}

void Model::Overtake(const At& at, Rule crosses, Rule overtakes) const {
  Key& key = at.key();
  if (key.writers > 0 && Has(crosses)) key.crossed = true;
  if (Has(overtakes)) key.load = kNobody;
}

void Model::Drop(const At& at) const {
  Key& key = at.key();
  if (key.entry != kNothing) ++at.shown.invalidations;
  key.entry = kNothing;
}

// What must hold.

std::string_view Model::Wrong(const State& state) const {
  bool idle = true;
  for (const Thread& thread : state.threads) idle = idle && thread.idle();
  for (std::size_t k = 0; k < config_.keys; ++k) {
    const Key& key = state.keys[k];
    if (key.entry != kNothing && (key.entry < key.required || key.entry > key.store)) {
      return "an entry can be hit that is not what the store has";
    }
    const bool in_flight = key.writers > 0 || key.crossed || key.scopes > 0 || key.load != kNobody;
    if (idle && in_flight) return "nothing is under way, and something is recorded as under way";
  }
  return Stuck(state) ? "somebody waits for ever" : "";
}

// Whether there is a thread that waits for what no thread that can go on will do.
bool Model::Stuck(const State& state) const {
  std::array<bool, kMostThreads> goes_on{};
  for (std::uint8_t round = 0; round <= config_.threads; ++round) {
    for (std::uint8_t t = 0; t < config_.threads; ++t) {
      const Thread& thread = state.threads[t];
      const bool waits =
          thread.pending == 0 || (thread.phase == kRead && !Has(Rule::kOwnLoadsBeforeOthers));
      bool free = true;
      for (std::size_t k = 0; k < config_.keys && waits; ++k) {
        const Part& part = thread.parts[k];
        if (part.role != Role::kJoins) continue;
        const Role owner = state.threads[part.owner].parts[k].role;
        free = free && goes_on[part.owner] && (owner == Role::kLoads || owner == Role::kAlone);
      }
      goes_on[t] = free;
    }
  }
  return !std::ranges::all_of(std::span(goes_on).first(config_.threads), std::identity());
}

}  // namespace kvcache::model
