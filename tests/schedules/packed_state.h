// A state in 16 bytes, the same for all states that differ only by names; and a set of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "schedules/protocol_model.h"

namespace kvcache::model {

struct PackedState {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend auto operator<=>(const PackedState&, const PackedState&) = default;
};

// The names: threads and keys in the order in which the state packs to the least, commits numbered
// anew in their order.
PackedState Pack(const Config& config, const State& state);
// One of the states that pack to this.
State Unpack(const PackedState& packed);

// In the order in which they came; addressed by their numbers.
class StateSet {
 public:
  StateSet();

  // True if it is new.
  bool Add(const PackedState& state);
  const PackedState& operator[](std::size_t i) const { return states_[i]; }
  std::size_t size() const { return states_.size(); }

 private:
  static std::size_t Hash(const PackedState& state);
  void Grow();

  std::vector<PackedState> states_;
  std::vector<std::uint32_t> slots_;  // numbers + 1, by hash, with linear probing; 0: free
};

}  // namespace kvcache::model
