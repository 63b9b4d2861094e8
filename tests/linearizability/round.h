// A round: one cache over one store, called by a few threads, in pieces that are checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "linearizability/caller.h"

namespace kvcache::testing {

struct RoundOptions {
  std::uint64_t seed = 0;  // of all that the round chooses
  std::uint64_t operations = 0;
  std::size_t threads = 0;  // 0: chosen
  std::string policy = {};  // empty: all of them, by turns
  bool rocksdb = false;     // else in memory
  // Judged not by the checker but by audits of every hit, of keys that are settled then.
  bool audits = false;
};

struct RoundResult {
  std::uint64_t operations = 0;
  std::array<std::uint64_t, kCalls> calls{};
  std::uint64_t pieces = 0;
  std::size_t most_configurations = 0;
  std::uint64_t audits = 0;
  std::uint64_t loads_ahead = 0;
  // What is wrong, in lines; empty: nothing.
  std::string violation = {};
};

RoundResult RunRound(const RoundOptions& options);

}  // namespace kvcache::testing
