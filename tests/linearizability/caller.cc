#include "linearizability/caller.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <thread>
#include <utility>

#include "linearizability/values.h"

namespace kvcache::testing {
namespace {

using Effect = Operation::Effect;

constexpr std::array<std::string_view, kCalls> kNames = {"Get",
                                                         "Get/string",
                                                         "Get/in order",
                                                         "MultiGet",
                                                         "Contains",
                                                         "GetOrCompute",
                                                         "Scan",
                                                         "Put",
                                                         "Delete",
                                                         "DeleteRange",
                                                         "Write",
                                                         "WriteWith",
                                                         "WriteWith/range",
                                                         "past/key",
                                                         "past/prefix",
                                                         "past/all"};

Versions One(std::size_t key, Version version) {
  Versions versions{};
  versions[key] = version;
  return versions;
}

}  // namespace

std::string_view NameOf(Call call) { return kNames[static_cast<std::size_t>(call)]; }

thread_local Caller* Caller::calling_ = nullptr;

void Caller::Forget() {
  history_.clear();
  lookups_.clear();
  disagreements_.clear();
  unsettled_.clear();
}

void Caller::CallSomething() {
  std::uint32_t at = Below(random_, std::accumulate(weights_.begin(), weights_.end(), 0U));
  std::size_t call = 0;
  while (at >= weights_[call]) at -= weights_[call++];
  ++calls_[call];
  BeginCall();
  Make(static_cast<Call>(call));
}

void Caller::BeginCall() {
  calling_ = this;
  called_ = Now();
}

void Caller::Make(Call call) {
  call_ = call;
  switch (call) {
    case Call::kGet:
      return Get();
    case Call::kGetString:
      return GetString();
    case Call::kGetInOrder:
      return GetInOrder();
    case Call::kMultiGet:
      return MultiGet();
    case Call::kContains:
      return Contains();
    case Call::kGetOrCompute:
      return GetOrCompute();
    case Call::kScan:
      return Scan(AnyRange(), Below(random_, 4), OneIn(3));
    case Call::kPut:
      return Put();
    case Call::kDelete:
      return Delete();
    case Call::kDeleteRange:
      return DeleteRange();
    case Call::kWrite:
      return Write();
    case Call::kWriteWithKeys:
      return WriteWithKeys();
    case Call::kWriteWithRange:
      return WriteWithRange();
    case Call::kOutsideKey:
    case Call::kOutsidePrefix:
    case Call::kOutsideAll:
      return WriteOutside(call);
  }
}

void Caller::ChangeSomething() {
  // Nothing, about one to all of the values, everything.
  static constexpr std::array<std::uint64_t, 6> kBytes = {0,        8 << 10,  16 << 10,
                                                          32 << 10, 64 << 10, 1 << 20};
  Cache& cache = stage_.cache;
  Result<void> changed;
  switch (Below(random_, 8)) {
    case 0:
      return cache.Invalidate(KeyName(AnyKey()));
    case 1:
      return cache.InvalidatePrefix(PrefixOf(AnyKey()));
    case 2:
      return cache.InvalidateAll();
    case 3:
      changed = cache.SetCapacity(kBytes[Below(random_, kBytes.size())]);
      break;
    case 4:
      changed = cache.SetCapacityEntries(Below(random_, stage_.keys + 2));
      break;
    default:
      changed = cache.SetPolicy(stage_.policies[Below(random_, stage_.policies.size())]);
  }
  if (!changed) Complain("a setting was refused: " + changed.error().message);
}

void Caller::ReadAll() {
  BeginCall();
  GetInOrder();
  Scan({0, stage_.keys}, 0, false);
}

// Reads.

void Caller::Get() {
  const std::size_t key = AnyKey();
  const std::uint64_t called = Now();
  NoteAnswer(key, called, stage_.cache.Get(KeyName(key)));
}

// What it misses of the later ones may be read ahead.
void Caller::GetInOrder() {
  for (std::size_t i = Below(random_, kSteadyKeys + 1); i < kSteadyKeys; ++i) {
    const auto answer = stage_.cache.Get(SteadyName(i));
    if (!answer) {
      NoteError(answer.error());
    } else if (!*answer || (*answer)->view() != kSteadyValue) {
      Complain("a key that nobody writes has changed: " + SteadyName(i));
    }
  }
  for (std::size_t key = 0; key < stage_.keys; ++key) {
    const std::uint64_t called = Now();
    NoteAnswer(key, called, stage_.cache.Get(KeyName(key)));
    if (OneIn(4)) std::this_thread::yield();  // what has been read ahead is to see changes
  }
}

void Caller::GetString() {
  const std::size_t key = AnyKey();
  const std::uint64_t called = Now();
  const auto found = stage_.cache.Get(KeyName(key), string_);
  const std::uint64_t returned = Now();
  if (!found) return NoteError(found.error());
  if (!*found && !string_.empty()) Complain("absent, and yet a value: " + string_);
  NoteLookup(key, called, returned, *found ? VersionIn(key, string_) : kNothing);
}

void Caller::MultiGet() {
  std::vector<std::size_t> keys(1 + Below(random_, 4));
  std::vector<std::string> names;
  for (std::size_t& key : keys) names.push_back(KeyName(key = AnyKey()));
  const std::uint64_t called = Now();
  const auto answers =
      stage_.cache.MultiGet(std::vector<std::string_view>(names.begin(), names.end()));
  for (std::size_t i = 0; i < keys.size(); ++i) NoteAnswer(keys[i], called, answers[i]);
}

void Caller::Contains() {
  const std::size_t key = AnyKey();
  const std::uint64_t called = Now();
  const auto found = stage_.cache.Contains(KeyName(key));
  const std::uint64_t returned = Now();
  if (!found) return NoteError(found.error());
  NoteLookup(key, called, returned, *found ? kSomething : kNothing);
}

// Who computes has read an absence, and then writes, or finds what another has written meanwhile.
void Caller::GetOrCompute() {
  const std::size_t key = AnyKey();
  const Version version = NewVersion();
  std::uint64_t computed = 0;
  const std::uint64_t called = Now();
  const auto compute = [&]() -> Result<std::string> {
    computed = Now();
    return ValueText(key, version);
  };
  const auto value = stage_.cache.GetOrCompute(KeyName(key), compute, AnyOptions());
  const std::uint64_t returned = Now();
  if (!value) NoteError(value.error());
  const Version got = value ? VersionIn(key, value->view()) : kNothing;
  if (computed == 0) {
    if (value) NoteLookup(key, called, returned, got);
    return;
  }
  NoteLookup(key, called, computed, kNothing);
  if (value && got != version) return NoteLookup(key, computed, returned, got);
  const Effect effect = value ? Effect::kWrites : Effect::kMayWrite;
  Note(history_, effect, Only(key), computed, returned).versions[key] = version;
}

void Caller::Scan(Range range, std::size_t limit, bool reverse) {
  ScanOptions options;
  options.range = {KeyName(range.begin), KeyName(range.end)};
  options.limit = limit;
  options.reverse = reverse;
  std::size_t found = 0;
  Versions versions{};
  const auto visit = [&](std::string_view name, std::string_view value) {
    const std::size_t key = KeyOf(name);
    versions[key] = VersionIn(key, value);
    if (++found == limit) (reverse ? range.begin : range.end) = key + (reverse ? 0 : 1);
    return true;
  };
  const std::uint64_t called = Now();
  const auto scanned = stage_.cache.Scan(options, visit);
  const std::uint64_t returned = Now();
  if (!scanned) return NoteError(scanned.error());
  // Of keys beyond the limit it says nothing.
  Note(history_, Effect::kReads, range.keys(), called, returned).versions = versions;
}

// Writes.

void Caller::Put() {
  const std::size_t key = AnyKey();
  const Version version = NewVersion();
  const WriteOptions options = AnyOptions();
  NoteWrite(Only(key), One(key, version),
            [&] { return stage_.cache.Put(KeyName(key), ValueText(key, version), options); });
}

void Caller::Delete() {
  const std::size_t key = AnyKey();
  const WriteOptions options = AnyOptions();
  NoteWrite(Only(key), {}, [&] { return stage_.cache.Delete(KeyName(key), options); });
}

void Caller::DeleteRange() {
  const Range range = AnyRange();
  NoteWrite(range.keys(), {},
            [&] { return stage_.cache.DeleteRange(KeyName(range.begin), KeyName(range.end)); });
}

void Caller::Write() {
  const Steps steps = AnySteps(KeysBetween(0, stage_.keys));
  const WriteOptions options = AnyOptions();
  NoteWrite(steps.keys, steps.versions, [&] { return stage_.cache.Write(steps.batch, options); });
}

void Caller::WriteWithKeys() {
  const Steps steps = AnySteps(KeysBetween(0, stage_.keys));
  std::vector<std::string> names;
  for (std::size_t key = 0; key < stage_.keys; ++key) {
    if (Has(steps.keys, key)) names.push_back(KeyName(key));
  }
  const std::vector<std::string_view> keys(names.begin(), names.end());
  NoteWrite(steps.keys, steps.versions, [&] {
    return stage_.cache.WriteWith(keys, [&] { return stage_.store.Write(steps.batch, {}); });
  });
}

void Caller::WriteWithRange() {
  const Range range = AnyRange();
  const Steps steps = AnySteps(range.keys());
  const KeyRange names{KeyName(range.begin), KeyName(range.end)};
  NoteWrite(steps.keys, steps.versions, [&] {
    return stage_.cache.WriteWith(names, [&] { return stage_.store.Write(steps.batch, {}); });
  });
}

void Caller::WriteOutside(Call call) {
  const std::size_t key = AnyKey();
  KeySet keys = Only(key);
  if (call == Call::kOutsidePrefix) keys = KeysWithPrefixOf(key) & KeysBetween(0, stage_.keys);
  if (call == Call::kOutsideAll) keys = KeysBetween(0, stage_.keys);
  const Steps steps = AnySteps(keys);
  const std::uint64_t begin = Now();
  NoteWrite(steps.keys, steps.versions, [&] { return stage_.behind.Write(steps.batch, {}); });
  if (call == Call::kOutsideKey) stage_.cache.Invalidate(KeyName(key));
  if (call == Call::kOutsidePrefix) stage_.cache.InvalidatePrefix(PrefixOf(key));
  if (call == Call::kOutsideAll) stage_.cache.InvalidateAll();
  unsettled_.push_back({steps.keys, begin, Now()});
}

// Choices.

Caller::Range Caller::AnyRange() {
  const std::size_t begin = AnyKey();
  // Mostly short, so that most keys are independent most of the time.
  const std::size_t most = OneIn(8) ? stage_.keys : std::size_t{3};
  return {begin, std::min(stage_.keys, begin + 1 + Below(random_, most))};
}

Caller::Steps Caller::AnySteps(KeySet keys) {
  Steps steps;
  for (std::uint32_t left = 1 + Below(random_, 3); left > 0;) {
    const std::size_t key = AnyKey();
    if (!Has(keys, key)) continue;
    AddStep(steps, key);
    --left;
  }
  const Range range = AnyRange();
  if ((range.keys() & ~keys) == 0 && OneIn(5)) {
    steps.batch.DeleteRange(KeyName(range.begin), KeyName(range.end));
    steps.keys |= range.keys();
    for (std::size_t key = range.begin; key < range.end; ++key) steps.versions[key] = kNothing;
    if (OneIn(2)) AddStep(steps, range.begin);
  }
  return steps;
}

void Caller::AddStep(Steps& steps, std::size_t key) {
  const Version version = OneIn(4) ? kNothing : NewVersion();
  if (version == kNothing) {
    steps.batch.Delete(KeyName(key));
  } else {
    steps.batch.Put(KeyName(key), ValueText(key, version));
  }
  steps.keys |= Only(key);
  steps.versions[key] = version;
}

// Notes.

Operation& Caller::Note(std::vector<Operation>& where, Effect effect, KeySet keys,
                        std::uint64_t called, std::uint64_t returned) {
  return where.emplace_back(Operation{.effect = effect,
                                      .keys = keys,
                                      .called = called,
                                      .returned = returned,
                                      .name = NameOf(call_),
                                      .thread = thread_});
}

void Caller::NoteWrite(KeySet keys, const Versions& versions,
                       const std::function<Result<void>()>& write) {
  const std::uint64_t called = Now();
  const Result<void> written = write();
  const Effect effect = written ? Effect::kWrites : Effect::kMayWrite;
  Note(history_, effect, keys, called, Now()).versions = versions;
  if (!written) NoteError(written.error());
}

void Caller::NoteLookup(std::size_t key, std::uint64_t called, std::uint64_t returned,
                        Version version) {
  Note(lookups_, Effect::kReads, Only(key), called, returned).versions[key] = version;
}

void Caller::NoteAnswer(std::size_t key, std::uint64_t called,
                        const Result<std::optional<Value>>& answer) {
  const std::uint64_t returned = Now();
  if (!answer) return NoteError(answer.error());
  NoteLookup(key, called, returned, *answer ? VersionIn(key, (*answer)->view()) : kNothing);
}

void Caller::NoteDisagreement(std::string_view key) {
  Caller& caller = *calling_;
  const std::size_t number = KeyOf(key);
  caller.Note(caller.disagreements_, Effect::kReads, Only(number), caller.called_, caller.Now())
      .versions[number] = kSomething;
}

void Caller::NoteError(const Error& error) {
  if (stage_.failing.Injected(error, stage_.faults_before)) return;
  Complain(fmt::format("{}: an error that the store was not made to give: {}", NameOf(call_),
                       error.message));
}

Version Caller::VersionIn(std::size_t key, std::string_view value) {
  const auto version = VersionOf(key, value);
  if (!version) Complain(fmt::format("no value of k{}: {}", key, value));
  return version.value_or(kNothing);
}

void Caller::Complain(std::string what) {
  if (complaint_.empty()) complaint_ = std::move(what);
}

}  // namespace kvcache::testing
