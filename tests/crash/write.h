// Writes whose values say who wrote them, so that a database tells which of them it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/store.h"

namespace kvcache::testing {

// Keys are numbers; the order of their names is theirs. The first kSingles are written one by one,
// the others only ever as a whole group of kGroupSize neighbours, in one batch.
inline constexpr std::size_t kSingles = 200;
inline constexpr std::size_t kGroups = 20;
inline constexpr std::size_t kGroupSize = 4;
inline constexpr std::size_t kKeys = kSingles + kGroups * kGroupSize;

inline std::size_t GroupKey(std::size_t group, std::size_t i) {
  return kSingles + group * kGroupSize + i;
}

inline std::string KeyName(std::size_t key) {
  const std::string digits = std::to_string(key);
  return "k" + std::string(4 - digits.size(), '0') + digits;
}

// One step of a write: a deletion of the keys from `key` to before `end`, or a Put of `key`.
struct Step {
  bool put = false;
  std::uint16_t key = 0;
  std::uint16_t end = 0;

  bool Covers(std::size_t number) const { return key <= number && number < end; }
};

// Times count calls: a write that ended at 3 came before one that began at 5.
inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

struct Write {
  std::string name;  // of this write alone, without a blank
  std::uint64_t begin = 0;
  std::uint64_t end = kNever;  // when it was acknowledged
  std::vector<Step> steps;

  bool acknowledged() const { return end != kNever; }
};

// What a write puts under a key. Long enough now and then that files fill up.
inline std::string ValueOf(const std::string& write, std::size_t key) {
  std::string value = KeyName(key) + " " + write + " ";
  value.resize(value.size() + std::hash<std::string>()(value) % 700, 'x');
  return value;
}

// The write that a value says it is from.
inline std::string WriteIn(const std::string& value) {
  const std::size_t from = value.find(' ') + 1;
  return value.substr(from, value.find(' ', from) - from);
}

inline Batch BatchOf(const Write& write) {
  Batch batch;
  for (const Step& step : write.steps) {
    if (step.put) {
      batch.Put(KeyName(step.key), ValueOf(write.name, step.key));
    } else if (step.end == step.key + 1) {
      batch.Delete(KeyName(step.key));
    } else {
      batch.DeleteRange(KeyName(step.key), KeyName(step.end));
    }
  }
  return batch;
}

using Pairs = std::map<std::string, std::string>;

// What is wrong with a database that had `before` when these writes began and has `after` now: an
// acknowledged write that is not there, nor a later one of its key; a value that nobody wrote; a
// batch of which a part is there.
std::vector<std::string> FindProblems(const Pairs& before, const std::vector<Write>& writes,
                                      const Pairs& after);

}  // namespace kvcache::testing
