// FlightTable against a list.
#include "cache/flight_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "support/random_trace.h"

namespace kvcache::testing {
namespace {

struct Flight {
  HashedKey key;
  int visits = 0;
  Flight* next = nullptr;
};

// Few keys, and hashes that several of them share.
constexpr std::size_t kKeys = 50;

class RandomFlights {
 public:
  explicit RandomFlights(std::size_t flights) : flights_(flights) {
    for (std::size_t i = 0; i < kKeys; ++i) keys_.push_back(std::to_string(i));
    for (Flight& flight : flights_) {
      const std::size_t number = Below(random_, kKeys);
      flight.key = {(number % 40) * 0x9E3779B97F4A7C15, keys_[number]};
    }
  }

  void Step(bool grow) {
    Flight& flight = flights_[Below(random_, flights_.size())];
    const bool in = std::erase(model_, &flight) != 0;
    REQUIRE(table_.Remove(flight) == in);
    if (in == grow && Below(random_, 4) == 0) return;
    if (!grow && Below(random_, 4) != 0) return;
    table_.Insert(flight);
    model_.push_back(&flight);
  }
  void RemoveSome() {
    const auto chosen = [](const Flight& flight) { return flight.key.key.ends_with('7'); };
    table_.RemoveIf(chosen);
    std::erase_if(model_, [&](const Flight* flight) { return chosen(*flight); });
  }

  void Check() {
    const Flight& wanted = flights_[Below(random_, flights_.size())];
    const auto same = [&](const Flight* flight) { return flight->key.key == wanted.key.key; };
    const auto count = std::ranges::count_if(model_, same);
    const Flight* found = table_.Find(wanted.key);
    REQUIRE((found != nullptr) == (count > 0));
    if (found != nullptr) REQUIRE(same(found));
    std::ptrdiff_t of_key = 0;
    table_.ForEachOf(wanted.key, [&](const Flight& flight) { of_key += same(&flight) ? 1 : 1000; });
    REQUIRE(of_key == count);
    table_.ForEach([](Flight& flight) { ++flight.visits; });
    for (Flight& flight : flights_) {
      REQUIRE(std::exchange(flight.visits, 0) == std::ranges::count(model_, &flight));
    }
  }

 private:
  Random random_{Seed()};
  std::vector<std::string> keys_;
  std::vector<Flight> flights_;
  FlightTable<Flight> table_;
  std::vector<Flight*> model_;
};

TEST_CASE("flight table: random steps do what they do to a list") {
  for (const std::size_t count : {5U, 60U, 2000U}) {
    RandomFlights flights(count);
    for (int round = 0; round < 6; ++round) {
      for (std::size_t i = 0; i < 2 * count; ++i) flights.Step(round % 2 == 0);
      flights.Check();
      if (round == 2) flights.RemoveSome();
      flights.Check();
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
