#include "schedules/packed_state.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <span>
#include <utility>

namespace kvcache::model {
namespace {

// Versions take four bits: numbers below 13, and the three that are none.
constexpr std::uint8_t kLeastSpecial = kNever & 0xF;
std::uint8_t PackVersion(Version version) { return version & 0xF; }
Version UnpackVersion(std::uint8_t bits) {
  return bits < kLeastSpecial ? bits : static_cast<Version>(bits | 0xF0);
}

class Writer {
 public:
  void Put(std::uint64_t value, unsigned bits) {
    word_ |= value << used_;
    used_ += bits;
  }
  std::uint64_t word() const { return word_; }

 private:
  std::uint64_t word_ = 0;
  unsigned used_ = 0;
};

class Reader {
 public:
  explicit Reader(std::uint64_t word) : word_(word) {}
  std::uint8_t Take(unsigned bits) {
    const auto value = static_cast<std::uint8_t>(word_ & ((1U << bits) - 1));
    word_ >>= bits;
    return value;
  }

 private:
  std::uint64_t word_;
};

// A key takes 17 bits, without the owner of its load: that thread has a bit that says so. A thread
// takes 27; a role and the owner of a load joined are one number.
constexpr unsigned kKeyBits = 17;
constexpr unsigned kThreadBits = 27;

std::uint64_t KeyWord(const Key& key) {
  Writer writer;
  writer.Put(PackVersion(key.store), 4);
  writer.Put(PackVersion(key.required), 4);
  writer.Put(PackVersion(key.entry), 4);
  writer.Put(key.writers, 2);
  writer.Put(key.crossed ? 1 : 0, 1);
  writer.Put(key.scopes, 2);
  return writer.word();
}

void ReadKey(Reader reader, Key& key) {
  key.store = UnpackVersion(reader.Take(4));
  key.required = UnpackVersion(reader.Take(4));
  key.entry = UnpackVersion(reader.Take(4));
  key.writers = reader.Take(2);
  key.crossed = reader.Take(1) != 0;
  key.scopes = reader.Take(2);
}

using Places = std::array<std::uint8_t, kMostThreads>;  // by thread: which it is called now

constexpr auto kWrites = static_cast<std::uint8_t>(Role::kWrites);
static_assert(static_cast<std::uint8_t>(Role::kJoins) + 1 == kWrites && kWrites + 2 < 8);

std::uint8_t RoleNumber(Role role, std::uint8_t owner) {
  const bool joins_other = role == Role::kJoins && owner > 0;
  return joins_other ? static_cast<std::uint8_t>(kWrites + owner) : static_cast<std::uint8_t>(role);
}

std::uint64_t ThreadWord(const State& state, std::size_t t, const Places& places) {
  const Thread& thread = state.threads[t];
  Writer writer;
  writer.Put(static_cast<std::uint8_t>(thread.op.kind), 3);
  writer.Put(thread.op.keys, 2);
  writer.Put(static_cast<std::uint8_t>(thread.phase), 4);
  writer.Put(thread.pending, 2);
  for (std::size_t k = 0; k < kMostKeys; ++k) {
    const Part& part = thread.parts[k];
    writer.Put(RoleNumber(part.role, places[part.owner]), 3);
    writer.Put(PackVersion(part.version), 4);
    writer.Put(state.keys[k].load == t ? 1 : 0, 1);
  }
  return writer.word();
}

void ReadThread(Reader reader, State& state, std::uint8_t t) {
  Thread& thread = state.threads[t];
  thread.op.kind = static_cast<Kind>(reader.Take(3));
  thread.op.keys = reader.Take(2);
  thread.phase = static_cast<Phase>(reader.Take(4));
  thread.pending = reader.Take(2);
  for (std::size_t k = 0; k < kMostKeys; ++k) {
    Part& part = thread.parts[k];
    const std::uint8_t role = reader.Take(3);
    part.role = role > kWrites ? Role::kJoins : static_cast<Role>(role);
    if (role > kWrites) part.owner = role - kWrites;
    part.version = UnpackVersion(reader.Take(4));
    if (reader.Take(1) != 0) state.keys[k].load = t;
  }
}

// Commits.

// Whether a part's version is the oldest that it may return or require, and not a value to come.
bool IsBound(const Thread& thread, const Part& part) {
  return part.role == Role::kMissed || part.role == Role::kJoins ||
         thread.op.kind == Kind::kInvalidate || thread.op.kind == Kind::kInvalidateAll;
}

// Numbers the values of one key that somebody holds anew. A bound becomes the least value from
// there on: those below it nobody can return.
void Renumber(const Config& config, State& state, std::size_t k) {
  std::uint64_t values = 0;  // bit i: version i
  const auto add = [&](Version version) {
    if (version < kNever) values |= std::uint64_t{1} << version;
  };
  Key& key = state.keys[k];
  add(key.store);
  add(key.entry);
  for (const Thread& thread : state.threads) {
    if (!IsBound(thread, thread.parts[k])) add(thread.parts[k].version);
  }
  const auto renumber = [&](Version& version) {
    if (version >= kNever) return;
    const int below = std::popcount(values & ((std::uint64_t{1} << version) - 1));
    const int value = version + std::countr_zero(values >> version);
    version = static_cast<Version>(2 * below + (config.cache_absent ? 0 : value & 1));
  };
  renumber(key.store);
  renumber(key.required);
  renumber(key.entry);
  for (Thread& thread : state.threads) renumber(thread.parts[k].version);
}

// Threads and keys.

void SwapKeys(State& state) {
  const auto swap_bits = [](std::uint8_t bits) {
    return static_cast<std::uint8_t>((bits & 1) << 1 | bits >> 1);
  };
  std::swap(state.keys[0], state.keys[1]);
  for (Thread& thread : state.threads) {
    std::swap(thread.parts[0], thread.parts[1]);
    thread.op.keys = swap_bits(thread.op.keys);
    thread.pending = swap_bits(thread.pending);
  }
}

// With the threads sorted by what they are, whatever threads are called; of several such orders
// the least.
PackedState PackThreads(const Config& config, const State& state) {
  Places order{0, 1, 2};
  Places places{};  // all called alike
  std::array<std::uint64_t, kMostThreads> words;
  for (std::size_t t = 0; t < kMostThreads; ++t) words[t] = ThreadWord(state, t, places);
  const auto word = [&](std::uint8_t t) { return words[t]; };
  const auto threads = std::span(order).first(config.threads);
  std::optional<PackedState> least;
  do {
    if (!std::ranges::is_sorted(threads, {}, word)) continue;
    for (std::uint8_t i = 0; i < kMostThreads; ++i) places[order[i]] = i;
    const auto renamed = [&](std::size_t i) { return ThreadWord(state, order[i], places); };
    const PackedState packed{
        KeyWord(state.keys[0]) | KeyWord(state.keys[1]) << kKeyBits | renamed(0) << (2 * kKeyBits),
        renamed(1) | renamed(2) << kThreadBits};
    least = least ? std::min(*least, packed) : packed;
  } while (std::next_permutation(threads.begin(), threads.end()));
  return *least;
}

}  // namespace

PackedState Pack(const Config& config, const State& state) {
  State renamed = state;
  for (std::size_t k = 0; k < config.keys; ++k) Renumber(config, renamed, k);
  const PackedState packed = PackThreads(config, renamed);
  if (config.keys < 2) return packed;
  SwapKeys(renamed);
  return std::min(packed, PackThreads(config, renamed));
}

State Unpack(const PackedState& packed) {
  State state;
  ReadKey(Reader(packed.low), state.keys[0]);
  ReadKey(Reader(packed.low >> kKeyBits), state.keys[1]);
  ReadThread(Reader(packed.low >> (2 * kKeyBits)), state, 0);
  ReadThread(Reader(packed.high), state, 1);
  ReadThread(Reader(packed.high >> kThreadBits), state, 2);
  return state;
}

StateSet::StateSet() : slots_(std::size_t{1} << 12) {}

bool StateSet::Add(const PackedState& state) {
  if (2 * states_.size() >= slots_.size()) Grow();
  std::size_t at = Hash(state) & (slots_.size() - 1);
  for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (states_[slots_[at] - 1] == state) return false;
  }
  states_.push_back(state);
  slots_[at] = static_cast<std::uint32_t>(states_.size());
  return true;
}

std::size_t StateSet::Hash(const PackedState& state) {
  std::uint64_t hash = (state.low ^ (state.high * 0x9E3779B97F4A7C15)) * 0xD6E8FEB86659FD93;
  hash ^= hash >> 32;
  hash *= 0xD6E8FEB86659FD93;
  return hash ^ hash >> 29;
}

void StateSet::Grow() {
  slots_.assign(2 * slots_.size(), 0);
  for (std::size_t i = 0; i < states_.size(); ++i) {
    std::size_t at = Hash(states_[i]) & (slots_.size() - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = static_cast<std::uint32_t>(i + 1);
  }
}

}  // namespace kvcache::model
