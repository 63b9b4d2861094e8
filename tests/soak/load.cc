#include "load.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>
#include <utility>

#include "support/text.h"

namespace kvcache::soak {
namespace {

constexpr std::uint64_t kDeletedEvery = 7;  // versions divisible by it are deletions
constexpr std::size_t kMostValueBytes = 600;

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

}  // namespace

Round& Round::operator+=(const Round& other) {
  lookups += other.lookups;
  writes += other.writes;
  get_latency += other.get_latency;
  return *this;
}

Load::Load(Protocol& protocol, const Shape& shape)
    : protocol_(protocol),
      shape_(shape),
      zipf_(shape.keys, 0.9),
      keys_(std::make_unique<Key[]>(shape.keys)) {
  for (std::size_t thread = 0; thread < shape.threads; ++thread) {
    randoms_.emplace_back(shape.seed + thread);
  }
}

void Load::WriteAll() {
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < shape_.threads; ++thread) {
    // By the keys' own threads: malloc keeps the memory of each apart.
    threads.emplace_back([this, thread] {
      for (std::size_t key = thread; key < shape_.keys; key += shape_.threads) Write(key);
    });
  }
}

std::string Load::KeyName(std::size_t key) const {
  std::string name = std::to_string(key);
  name.insert(0, 16 - name.size(), '0');
  return name;
}

// Every byte follows from key and version, so a mixture of two values is noticed.
std::string Load::ValueOf(std::size_t key, std::uint64_t version) const {
  std::string value = std::to_string(key) + ":" + std::to_string(version) + ":";
  value.resize(value.size() + (key + version) * 7919 % kMostValueBytes,
               static_cast<char>('a' + version % 26));
  return value;
}

std::size_t Load::OwnKey(std::size_t thread, Random& random) const {
  const std::size_t key = zipf_(random);
  const std::size_t own = key - key % shape_.threads + thread;
  return own < shape_.keys ? own : thread;
}

void Load::Fail(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (!failed_.exchange(true)) failure_ = what;
}

std::string Load::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Round Load::Work(std::size_t thread, std::uint64_t calls) {
  Round round;
  for (std::uint64_t i = 0; i < calls && !failed_; ++i) {
    Call(thread, randoms_[thread], round);
    ++calls_;
  }
  --working_;
  return round;
}

void Load::Call(std::size_t thread, Random& random, Round& round) {
  const std::uint32_t what = testing::Below(random, 100);
  if (what < 80) return Read(zipf_(random), round);
  if (what < 88) return ReadMany(random, round);
  if (what < 97) {
    ++round.writes;
    return Write(OwnKey(thread, random));
  }
  if (what < 99) {
    round.writes += 4;
    return WriteBatch(thread, random);
  }
  protocol_.Invalidate(KeyName(zipf_(random)));
}

void Load::Read(std::size_t key, Round& round) {
  thread_local std::string value;
  const std::uint64_t floor = keys_[key].floor.load();
  const std::string name = KeyName(key);
  const auto begin = std::chrono::steady_clock::now();
  const auto found = protocol_.Get(name, value);
  round.get_latency.Record(Nanoseconds(std::chrono::steady_clock::now() - begin));
  ++round.lookups;
  if (!found) return Fail("Get: " + testing::Text(found));
  Saw(key, floor, *found ? std::optional<std::string_view>(value) : std::nullopt);
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
    if (!answers[i]) return Fail("MultiGet: " + testing::Text(answers[i]));
    Saw(keys[i], floors[i], *answers[i] ? std::optional((*answers[i])->view()) : std::nullopt);
  }
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

void Load::Write(std::size_t key) {
  const std::uint64_t version = ++keys_[key].started;
  const std::string name = KeyName(key);
  const auto written = version % kDeletedEvery == 0
                           ? protocol_.Delete(name, {})
                           : protocol_.Put(name, ValueOf(key, version), {});
  Acknowledge(key, version, written);
}

void Load::WriteBatch(std::size_t thread, Random& random) {
  Batch batch;
  std::array<std::pair<std::size_t, std::uint64_t>, 4> written;
  for (auto& [key, version] : written) {
    key = OwnKey(thread, random);
    version = ++keys_[key].started;
    if (version % kDeletedEvery == 0) {
      batch.Delete(KeyName(key));
    } else {
      batch.Put(KeyName(key), ValueOf(key, version));
    }
  }
  const auto result = protocol_.Write(batch, {});
  for (const auto& [key, version] : written) Acknowledge(key, version, result);
}

void Load::Acknowledge(std::size_t key, std::uint64_t version, const Result<void>& written) {
  if (!written) return Fail("write: " + testing::Text(written));
  Raise(keys_[key].floor, version);
}

Round Load::Run(std::uint64_t calls_per_thread, const Meanwhile& meanwhile) {
  calls_ = 0;
  working_ = shape_.threads;
  std::vector<std::future<Round>> threads;
  for (std::size_t thread = 0; thread < shape_.threads; ++thread) {
    threads.push_back(std::async(std::launch::async, [this, thread, calls_per_thread] {
      return Work(thread, calls_per_thread);
    }));
  }
  while (meanwhile && working_ != 0) meanwhile(calls_.load());
  Round sum;
  for (auto& thread : threads) sum += thread.get();
  return sum;
}

}  // namespace kvcache::soak
