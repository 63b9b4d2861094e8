// Visits every state that a model can come to, breadth first, so that the first thing found wrong
// has a shortest schedule.
//
// States that differ only by which thread is which, by which key is which, or by the numbers of
// commits whose order is the same, are one: what can follow is the same but for names. The numbers
// being forgotten, there are finitely many states however many operations the threads do, so there
// is no bound on how many they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "schedules/protocol_model.h"

namespace kvcache::model {

struct Exploration {
  std::size_t states = 0;
  std::size_t transitions = 0;
  std::size_t depth = 0;  // of the state furthest from the first
  // Empty if nothing is wrong anywhere.
  std::string wrong = {};
  std::vector<std::string> schedule = {};  // that leads there, a step a line
};

// From two cold keys. Stops at the first thing wrong.
Exploration Explore(const Model& model, const std::vector<Op>& ops);

}  // namespace kvcache::model
