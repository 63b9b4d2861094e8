// Checker: whether a history of atomic reads and writes is linearizable.
//
// Wing and Gong's search for an order of the operations that explains what they returned, as Lowe
// improved it ("Testing for linearizability", 2017):
// - Configurations, the store's state and which of the operations under way have taken effect, are
//   kept as a set, so that none is explored twice.
// - Just in time: a write takes effect when an operation returns that needs it, itself or another.
//   Before that only those matter whose keys are connected with its own by operations under way.
//   A read takes effect when it first can: it changes nothing.
// - Locality: keys that no operation connects are checked apart. A scan, say, joins the sets of its
//   keys; they part again when it has returned and they turn out to be independent.
// The whole set goes on from one event to the next, so that a history of any length can be checked
// in pieces, and memory is that of the operations under way.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "linearizability/history.h"

namespace kvcache::testing {

class Checker {
 public:
  // Operations that can be under way at one moment.
  static constexpr std::size_t kMostUnderWay = 64;

  // Of a store in which every key holds nothing.
  Checker();

  // The next piece of a history: begins and ends at a moment at which nothing is under way.
  // Which operation returned what no order of them explains, the first by return; then this
  // checker is of no use any more.
  std::optional<std::size_t> Check(std::span<const Operation> piece);

  // What the store may hold now.
  std::set<Versions> States() const;

  // The largest set of configurations so far: what checking costs.
  std::size_t most_configurations() const { return most_configurations_; }

 private:
  using SlotSet = std::uint64_t;  // bit i: the operation in slot i

  struct Configuration {
    Versions state{};  // of keys of the group only
    SlotSet done = 0;  // of operations under way in the group only
    friend auto operator<=>(const Configuration&, const Configuration&) = default;
  };

  // Keys that are checked together.
  struct Group {
    KeySet keys = 0;  // 0: joined with another
    SlotSet under_way = 0;
    std::vector<Configuration> configurations;
  };

  void Call(const Operation& operation, std::size_t slot);
  bool Return(std::size_t slot);

  Group& GroupOf(KeySet keys);
  void Join(Group& group, Group& other);
  void Part(KeySet keys);
  void PartFrom(Group& group, std::size_t key);
  SlotSet Connected(const Group& group, std::size_t slot) const;
  SlotSet Touching(const Group& group, KeySet keys) const;
  void TakeReads(SlotSet under_way, Configuration& configuration) const;

  std::array<Group, kMostKeys> groups_;  // a group lies at one of its keys
  std::array<std::size_t, kMostKeys> group_of_;
  std::array<const Operation*, kMostUnderWay> slots_{};
  std::size_t most_configurations_ = 1;
};

}  // namespace kvcache::testing
