#include "load.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "support/text.h"

namespace kvcache::soak {
namespace {

constexpr std::uint64_t kDeletedEvery = 7;  // versions divisible by it are deletions
constexpr std::size_t kMostValueBytes = 600;

bool IsDeletion(std::uint64_t version) { return version % kDeletedEvery == 0; }

std::uint64_t NextDeleted(std::uint64_t version) {
  return (version + kDeletedEvery - 1) / kDeletedEvery * kDeletedEvery;
}

void Raise(std::atomic<std::uint64_t>& floor, std::uint64_t value) {
  std::uint64_t seen = floor.load();
  while (seen < value && !floor.compare_exchange_weak(seen, value)) {
  }
}

std::uint64_t Nanoseconds(std::chrono::steady_clock::duration duration) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(duration).count());
}

std::uint64_t ProcessorNanoseconds() {  // of this thread
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Round SumOf(std::vector<std::future<Round>> threads) {
  Round sum;
  for (auto& thread : threads) sum += thread.get();
  return sum;
}

}  // namespace

Round& Round::operator+=(const Round& other) {
  lookups += other.lookups;
  lookups_perhaps += other.lookups_perhaps;
  lookup_errors += other.lookup_errors;
  writes += other.writes;
  gets += other.gets;
  get_nanoseconds += other.get_nanoseconds;
  processor_nanoseconds += other.processor_nanoseconds;
  get_latency += other.get_latency;
  return *this;
}

Load::Load(Protocol& protocol, testing::FailingStore& failing, const Shape& shape)
    : protocol_(protocol),
      failing_(failing),
      shape_(shape),
      zipf_(shape.keys, 0.9),
      keys_(std::make_unique<Key[]>(shape.keys)) {
  for (std::size_t thread = 0; thread < shape.threads; ++thread) {
    randoms_.emplace_back(shape.seed + thread);
  }
}

// Run.

std::vector<std::future<Round>> Load::OnThreads(
    const std::function<Round(std::size_t thread)>& work) const {
  std::vector<std::future<Round>> threads;
  for (std::size_t thread = 0; thread < shape_.threads; ++thread) {
    threads.push_back(std::async(std::launch::async, work, thread));
  }
  return threads;
}

Round Load::WriteAll() {
  return SumOf(OnThreads([this](std::size_t thread) {
    Round round;
    auto keys = KeysFrom(thread, shape_.keys);
    // The first versions of keys are spread over the seven as the later ones are.
    for (const std::size_t key : keys) keys_[key].started = key / shape_.threads % kDeletedEvery;
    for (std::uint64_t pass = 0; pass < kDeletedEvery; ++pass) {
      std::ranges::shuffle(keys, randoms_[thread]);
      for (const std::size_t key : keys) Write(key, round);
    }
    return round;
  }));
}

Round Load::Run(std::uint64_t calls_per_thread, const Meanwhile& meanwhile) {
  faults_before_ = failing_.faults();
  calls_ = 0;
  working_ = shape_.threads;
  auto threads = OnThreads(
      [this, calls_per_thread](std::size_t thread) { return Work(thread, calls_per_thread); });
  while (meanwhile && working_ != 0) meanwhile(calls_.load());
  return SumOf(std::move(threads));
}

Round Load::Work(std::size_t thread, std::uint64_t calls) {
  Round round;
  const std::uint64_t begin = ProcessorNanoseconds();
  for (std::uint64_t i = 0; i < calls && !failed_; ++i) {
    Call(thread, randoms_[thread], round);
    ++calls_;
  }
  round.processor_nanoseconds = ProcessorNanoseconds() - begin;
  --working_;
  return round;
}

void Load::Call(std::size_t thread, Random& random, Round& round) {
  const std::uint32_t what = Below(random, 20'000);
  // These go over the whole tier.
  if (what == 0) return DeleteRange(thread, random, round);
  if (what == 1) return WriteRange(thread, random);
  const std::uint32_t percent = what / 200;
  if (percent < 78) return Read(zipf_(random), round);
  if (percent < 86) return ReadMany(random, round);
  if (percent < 87) return Scan(random);
  if (percent < 95) return Write(OwnKey(thread, random), round);
  if (percent < 97) return WriteBatch(thread, random, round);
  if (percent < 99) return GetOrCompute(OwnKey(thread, random), round);
  protocol_.Invalidate(KeyName(zipf_(random)));
}

// Keys and values.

std::string Load::KeyName(std::size_t key) const {
  const auto padded = [](std::size_t number, std::size_t digits) {
    const std::string text = std::to_string(number);
    return std::string(digits - text.size(), '0') + text;
  };
  return padded(key % shape_.threads, 2) + padded(key / shape_.threads, 14);
}

std::size_t Load::OwnKey(std::size_t thread, Random& random) const {
  const std::size_t key = zipf_(random);
  const std::size_t own = key - key % shape_.threads + thread;
  return own < shape_.keys ? own : thread;
}

std::vector<std::size_t> Load::KeysFrom(std::size_t key, std::size_t count) const {
  std::vector<std::size_t> keys;
  for (; keys.size() < count && key < shape_.keys; key += shape_.threads) keys.push_back(key);
  return keys;
}

KeyRange Load::RangeOf(std::span<const std::size_t> keys) const {
  return {.from = KeyName(keys.front()), .to = KeyName(keys.back() + shape_.threads)};
}

// Every byte follows from key and version, so a mixture of two values is noticed.
std::string Load::ValueOf(std::size_t key, std::uint64_t version) const {
  std::string value = std::to_string(key) + ":" + std::to_string(version) + ":";
  value.resize(value.size() + (key + version) * 7919 % kMostValueBytes,
               static_cast<char>('a' + version % 26));
  return value;
}

std::vector<Load::Step> Load::NextVersions(std::span<const std::size_t> keys) {
  std::vector<Step> steps;
  for (const std::size_t key : keys) steps.emplace_back(key, ++keys_[key].started);
  return steps;
}

Batch Load::BatchOf(std::span<const Step> steps) const {
  Batch batch;
  for (const auto& [key, version] : steps) {
    if (IsDeletion(version)) {
      batch.Delete(KeyName(key));
    } else {
      batch.Put(KeyName(key), ValueOf(key, version));
    }
  }
  return batch;
}

// Reads.

void Load::Read(std::size_t key, Round& round) {
  thread_local std::string value;
  const std::uint64_t floor = keys_[key].floor.load();
  const std::string name = KeyName(key);
  const auto begin = std::chrono::steady_clock::now();
  const auto found = protocol_.Get(name, value);
  const std::uint64_t nanoseconds = Nanoseconds(std::chrono::steady_clock::now() - begin);
  round.get_latency.Record(nanoseconds);
  round.get_nanoseconds += nanoseconds;
  ++round.gets;
  ++round.lookups;
  if (found) return Saw(key, floor, *found ? std::optional<std::string_view>(value) : std::nullopt);
  ++round.lookup_errors;
  CheckError("Get", found.error());
}

void Load::ReadMany(Random& random, Round& round) {
  std::array<std::size_t, 8> keys;
  std::array<std::string, 8> names;
  std::array<std::string_view, 8> views;
  std::array<std::uint64_t, 8> floors;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = zipf_(random);
    names[i] = KeyName(keys[i]);
    views[i] = names[i];
    floors[i] = keys_[keys[i]].floor.load();
  }
  const auto answers = protocol_.MultiGet(views);
  round.lookups += keys.size();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& answer = answers[i];
    if (answer) {
      Saw(keys[i], floors[i], *answer ? std::optional((*answer)->view()) : std::nullopt);
    } else {
      ++round.lookup_errors;
      CheckError("MultiGet", answer.error());
    }
  }
}

void Load::Scan(Random& random) {
  const auto keys = KeysFrom(zipf_(random), 8);
  std::vector<std::uint64_t> floors;
  for (const std::size_t key : keys) floors.push_back(keys_[key].floor.load());
  ScanOptions options{.range = RangeOf(keys), .reverse = Below(random, 2) == 0};
  std::vector<std::optional<std::string>> values(keys.size());
  std::string previous;
  const auto scanned = protocol_.Scan(options, [&](std::string_view name, std::string_view value) {
    const bool in_order = previous.empty() || (previous < name) != options.reverse;
    const auto at = std::ranges::find(keys, name, [&](std::size_t key) { return KeyName(key); });
    if (!in_order || at == keys.end()) Fail("Scan: this is not the place of " + std::string(name));
    if (at != keys.end()) values[static_cast<std::size_t>(at - keys.begin())] = value;
    previous = name;
    return true;
  });
  if (!scanned) return CheckError("Scan", scanned.error());
  for (std::size_t i = 0; i < keys.size(); ++i) Saw(keys[i], floors[i], values[i]);
}

void Load::Saw(std::size_t key, std::uint64_t floor, std::optional<std::string_view> value) {
  const std::uint64_t started = keys_[key].started.load();
  std::uint64_t version = NextDeleted(floor);  // of an absence: at least that
  if (value) {
    const std::size_t colon = value->find(':');
    version = colon == std::string_view::npos
                  ? 0
                  : std::strtoull(std::string(value->substr(colon + 1, 20)).c_str(), nullptr, 10);
    if (*value != ValueOf(key, version)) return Fail("mixed bytes: " + std::string(*value));
  }
  if (version < floor || version > started) {
    return Fail("key " + KeyName(key) + ": version " + std::to_string(version) + " where " +
                std::to_string(floor) + " to " + std::to_string(started) + " can be");
  }
  Raise(keys_[key].floor, version);
}

// Writes.

void Load::Write(std::size_t key, Round& round) {
  const Step step{key, ++keys_[key].started};
  const std::string name = KeyName(key);
  ++round.writes;
  Acknowledge({&step, 1}, IsDeletion(step.second)
                              ? protocol_.Delete(name, {})
                              : protocol_.Put(name, ValueOf(key, step.second), {}));
}

void Load::WriteBatch(std::size_t thread, Random& random, Round& round) {
  std::vector<std::size_t> keys;
  for (int i = 0; i < 4; ++i) {
    const std::size_t key = OwnKey(thread, random);
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  }
  const auto steps = NextVersions(keys);
  const Batch batch = BatchOf(steps);
  round.writes += keys.size();
  if (Below(random, 2) == 0) return Acknowledge(steps, protocol_.Write(batch, {}));
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < batch.size(); ++i) names.push_back(batch[i].key);
  Acknowledge(steps, protocol_.WriteWith(
                         names, [&] { return protocol_.store().Write(batch, WriteOptions{}); }));
}

void Load::WriteRange(std::size_t thread, Random& random) {
  const auto keys = KeysFrom(OwnKey(thread, random), 4);
  const auto steps = NextVersions(keys);
  const Batch batch = BatchOf(steps);
  Acknowledge(steps, protocol_.WriteWith(protocol_.ScopeOf(RangeOf(keys)), [&] {
    return protocol_.store().Write(batch, WriteOptions{});
  }));
}

// Takes keys to their next deletion, and then those that had a value to where they were among the
// seven.
void Load::DeleteRange(std::size_t thread, Random& random, Round& round) {
  const auto keys = KeysFrom(OwnKey(thread, random), 4);
  std::vector<Step> deleted;
  std::vector<Step> back;
  for (const std::size_t key : keys) {
    const std::uint64_t version = keys_[key].started.load();
    deleted.emplace_back(key, NextDeleted(version + 1));
    if (!IsDeletion(version)) back.emplace_back(key, version + kDeletedEvery);
  }
  const auto start = [this](std::span<const Step> steps) {
    for (const auto& [key, version] : steps) keys_[key].started = version;
  };
  const KeyRange range = RangeOf(keys);
  Batch batch;
  batch.DeleteRange(*range.from, *range.to);
  start(deleted);
  Acknowledge(deleted, protocol_.Write(batch, {}));
  if (back.empty()) return;
  start(back);
  round.writes += back.size();
  Acknowledge(back, protocol_.Write(BatchOf(back), {}));
}

// Where there is nothing to compute it writes, so that the key goes on by one version either way.
void Load::GetOrCompute(std::size_t key, Round& round) {
  const std::uint64_t floor = keys_[key].floor.load();
  Step step{key, 0};
  std::uint64_t computed = 0;  // more than once where the key is invalidated meanwhile
  const auto got = protocol_.GetOrCompute(KeyName(key),
                                          [&]() -> Result<std::string> {
                                            ++computed;
                                            do {
                                              step.second = ++keys_[key].started;
                                            } while (IsDeletion(step.second));
                                            return ValueOf(key, step.second);
                                          },
                                          {});
  round.lookups += 1 + computed;
  const bool wrote = computed != 0 && (got || testing::FailingStore::OfWrite(got.error()));
  if (wrote) {
    ++round.writes;
    Acknowledge({&step, 1}, got ? Result<void>{} : std::unexpected(got.error()));
  } else if (!got) {
    // By the first lookup, or by the next.
    ++round.lookups_perhaps;
    ++round.lookup_errors;
    CheckError("GetOrCompute", got.error());
  }
  if (got) Saw(key, wrote ? step.second : floor, got->view());
  if (got && !wrote) Write(key, round);
}

void Load::Acknowledge(std::span<const Step> steps, const Result<void>& written) {
  if (!written) return CheckError("a write", written.error());
  for (const auto& [key, version] : steps) Raise(keys_[key].floor, version);
}

// Failures.

void Load::CheckError(const std::string& call, const Error& error) {
  if (!failing_.Injected(error, faults_before_)) Fail(call + ": " + error.message);
}

void Load::Fail(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (!failed_.exchange(true)) failure_ = what;
}

std::string Load::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace kvcache::soak
