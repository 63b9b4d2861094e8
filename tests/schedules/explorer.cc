#include "schedules/explorer.h"

#include <algorithm>
#include <cstdint>

#include "schedules/packed_state.h"

namespace kvcache::model {
namespace {

// The steps along these states, as they go by their names. States are packed without names, so each
// step is looked for again: one that leads to a state that packs to the next one.
std::vector<std::string> Schedule(const Model& model, const std::vector<Op>& ops,
                                  const std::vector<PackedState>& path) {
  std::vector<std::string> lines;
  State state;
  std::vector<Step> steps;
  for (std::size_t i = 1; i < path.size(); ++i) {
    steps.clear();
    model.AddSteps(state, ops, steps);
    for (const Step& step : steps) {
      State next = state;
      Shown shown;
      model.Take(next, step, shown);
      if (Pack(model.config(), next) != path[i]) continue;
      lines.push_back(ToText(step));
      state = next;
      break;
    }
  }
  return lines;
}

}  // namespace

Exploration Explore(const Model& model, const std::vector<Op>& ops) {
  Exploration result;
  StateSet states;
  std::vector<std::uint32_t> parents(1);
  states.Add(Pack(model.config(), State{}));
  std::vector<Step> steps;
  Shown shown;
  std::size_t level_end = 1;
  for (std::size_t i = 0; i < states.size() && result.wrong.empty(); ++i) {
    if (i == level_end) {
      ++result.depth;
      level_end = states.size();
    }
    const State state = Unpack(states[i]);
    steps.clear();
    model.AddSteps(state, ops, steps);
    for (const Step& step : steps) {
      State next = state;
      shown.answers.clear();
      model.Take(next, step, shown);
      ++result.transitions;
      const PackedState packed = Pack(model.config(), next);
      const bool is_new = states.Add(packed);
      if (is_new) parents.push_back(static_cast<std::uint32_t>(i));
      const std::string_view wrong = !shown.wrong.empty() ? shown.wrong : model.Wrong(next);
      if (wrong.empty()) continue;
      result.wrong = wrong;
      std::vector<PackedState> path{packed};
      for (std::size_t at = i; at != 0; at = parents[at]) path.push_back(states[at]);
      path.push_back(states[0]);
      std::ranges::reverse(path);
      result.schedule = Schedule(model, ops, path);
      break;
    }
  }
  result.states = states.size();
  return result;
}

}  // namespace kvcache::model
