// Every schedule of readers, a writer and collectors under the epochs: no block is freed while a
// reader holds it; and one is as soon as a rule is left out.
#include <doctest/doctest.h>

#include <iostream>
#include <string>

#include "schedules/epoch_model.h"
#include "support/sanitizers.h"

namespace kvcache::model {
namespace {

std::string_view Mode(bool asymmetric) { return asymmetric ? "membarrier" : "exchange"; }

void CheckThatAllIsWell(const EpochConfig& config) {
  const EpochExploration found = ExploreEpochs(config);
  for (const std::string& line : found.schedule) MESSAGE(line);
  CHECK(found.schedule.empty());
  std::cout << Mode(config.asymmetric) << ", " << config.readers << " readers, "
            << config.collectors << " collectors, " << int{config.last_epoch}
            << " epochs: " << found.states << " states, " << found.transitions << " transitions\n";
}

TEST_CASE("epochs: in no state is a block freed while a reader holds it") {
  for (const bool asymmetric : {true, false}) {
    CheckThatAllIsWell({.readers = 1, .collectors = 1, .last_epoch = 4, .asymmetric = asymmetric});
    if (testing::kSanitized) continue;
    CheckThatAllIsWell({.readers = 1, .collectors = 2, .last_epoch = 3, .asymmetric = asymmetric});
  }
}

// Readers have nothing to do with each other, so little is expected of this; --no-skip runs it.
TEST_CASE("epochs: with two readers" * doctest::skip()) {
  for (const bool asymmetric : {true, false}) {
    CheckThatAllIsWell({.readers = 2, .collectors = 1, .last_epoch = 3, .asymmetric = asymmetric});
  }
}

TEST_CASE("epochs: without any one of their rules a block is freed while a reader holds it") {
  for (const bool asymmetric : {true, false}) {
    for (const EpochRuleText& rule : kEpochRules) {
      CAPTURE(asymmetric);
      CAPTURE(rule.without);
      const auto found = ExploreEpochs({.asymmetric = asymmetric, .without = rule.rule});
      CHECK(!found.schedule.empty());
      std::cout << "\n" << Mode(asymmetric) << ": " << rule.without << "\n";
      for (const std::string& line : found.schedule) std::cout << "  " << line << "\n";
    }
  }
}

}  // namespace
}  // namespace kvcache::model
