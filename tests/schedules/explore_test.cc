// Every schedule of the protocol, in its model: nothing goes wrong in any of them; and something
// does as soon as a rule is left out.
#include <doctest/doctest.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <vector>

#include "schedules/explorer.h"
#include "schedules/protocol_model.h"
#include "support/sanitizers.h"

namespace kvcache::model {
namespace {

using testing::kSanitized;

struct Size {
  std::size_t threads;
  std::size_t keys;
};

// With absences cached, Delete is Put of another value.
std::vector<Op> AllOps(const Model& model) {
  std::vector<Op> ops = model.Ops();
  if (model.config().cache_absent) {
    std::erase_if(ops, [](Op op) { return op.kind == Kind::kDelete; });
  }
  return ops;
}

void CheckThatAllIsWell(const Config& config, const std::vector<Op>& ops) {
  const Exploration found = Explore(Model(config), ops);
  CHECK(found.wrong == "");
  for (const std::string& line : found.schedule) MESSAGE(line);
  std::cout << config.threads << " threads, " << config.keys << " keys, " << ops.size()
            << " operations, absences " << (config.cache_absent ? "" : "not ")
            << "cached: " << found.states << " states, " << found.transitions
            << " transitions, the furthest " << found.depth << " steps away\n";
}

TEST_CASE("model: in every state of up to three threads and two keys all is well") {
  for (const bool cache_absent : {true, false}) {
    for (const Size size : {Size{1, 2}, Size{2, 1}, Size{3, 1}, Size{2, 2}}) {
      const Config config{.threads = size.threads, .keys = size.keys, .cache_absent = cache_absent};
      CheckThatAllIsWell(config, AllOps(Model(config)));
    }
  }
  const Config config;
  std::vector<Op> ops = AllOps(Model(config));
  if (kSanitized) std::erase(ops, Op{Kind::kGet, 3});  // MultiGet: a tenth of the states is left
  CheckThatAllIsWell(config, ops);
}

// The first of the sizes in which leaving out the rule shows.
std::optional<Exploration> Counterexample(Rule rule) {
  for (const Size size : {Size{2, 1}, Size{3, 1}, Size{2, 2}}) {
    const Model model({.threads = size.threads, .keys = size.keys, .rules = Rules().Without(rule)});
    Exploration found = Explore(model, AllOps(model));
    if (!found.wrong.empty()) return found;
  }
  return std::nullopt;
}

TEST_CASE("model: without any one of its rules something goes wrong") {
  for (const RuleText& rule : kRules) {
    CAPTURE(rule.without);
    const auto found = Counterexample(rule.rule);
    CHECK(found);
    if (!found) continue;
    std::cout << "\nwithout rule " << rule.number << ": " << rule.without << "\n";
    for (const std::string& line : found->schedule) std::cout << "  " << line << "\n";
    std::cout << "  -> " << found->wrong << "\n";
    CHECK(!found->schedule.empty());
  }
}

}  // namespace
}  // namespace kvcache::model
