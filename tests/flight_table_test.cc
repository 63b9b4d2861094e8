// FlightTable against a list.
#include "cache/flight_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
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

// Flights that count how many of them are looked at.
std::size_t looked_at = 0;
struct CountedHash {
  std::uint64_t hash;
  operator std::uint64_t() const {  // NOLINT(google-explicit-constructor): as the hash it is
    ++looked_at;
    return hash;
  }
};
struct CountedFlight {
  struct {
    CountedHash hash;
    std::string_view key;
    operator HashedKey() const {  // NOLINT(google-explicit-constructor): as the key it is
      return {hash.hash, key};
    }
  } key;
  CountedFlight* next = nullptr;
};

// On average, in a search for one that is not there.
double LookedAt(FlightTable<CountedFlight>& table) {
  constexpr std::size_t kSearches = 1000;
  looked_at = 0;
  Random random(Seed());
  for (std::size_t i = 0; i < kSearches; ++i) {
    REQUIRE(table.Find({random(), "none"}) == nullptr);
  }
  return static_cast<double>(looked_at) / kSearches;
}

TEST_CASE(
    "flight table: chains stay short while there are many flights, and are few when they end") {
  Random random(Seed() + 1);
  std::vector<CountedFlight> flights(5000);
  for (CountedFlight& flight : flights) flight.key = {{random()}, "some"};
  FlightTable<CountedFlight> table;
  for (CountedFlight& flight : flights) table.Insert(flight);
  CHECK(LookedAt(table) < 5);
  // Not smaller before the last has gone.
  REQUIRE(table.Remove(flights[0]));
  CHECK(LookedAt(table) < 5);
  for (std::size_t i = 1; i < flights.size(); ++i) REQUIRE(table.Remove(flights[i]));
  // As few chains as at first: so many flights share them that some are looked at.
  for (std::size_t i = 0; i < 60; ++i) table.Insert(flights[i]);
  CHECK(LookedAt(table) > 2);
}

}  // namespace
}  // namespace kvcache::testing
