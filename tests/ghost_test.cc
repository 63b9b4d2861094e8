// Ghost against a list of who left, and its estimates where it samples.
#include "base/ghost.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "base/hash.h"

namespace kvcache {
namespace {

std::uint64_t HashOf(std::uint64_t key) { return XXH3_64bits(&key, sizeof key); }

void Leave(Ghost& ghost, std::uint64_t key) {
  const std::uint64_t hash = HashOf(key);
  ghost.Leave({&hash, 1});
}

TEST_CASE("a key that left returns, once") {
  Ghost ghost(100);
  Leave(ghost, 1);
  CHECK(ghost.Return(HashOf(2)) == 0);
  CHECK(ghost.Return(HashOf(1)) == 1);
  CHECK(ghost.Return(HashOf(1)) == 0);
}

TEST_CASE("a key returns as long as not more than the reach have left after it") {
  for (const std::uint64_t others : {std::uint64_t{50}, std::uint64_t{99}, std::uint64_t{101}}) {
    Ghost ghost(100);
    Leave(ghost, 0);
    for (std::uint64_t i = 1; i <= others; ++i) Leave(ghost, i);
    CHECK(ghost.Return(HashOf(0)) == (others < 100 ? 1 : 0));
  }
}

// Keys leave in a random order with repetitions; now and then one is asked for.
TEST_CASE("returns are those of a list of who left last") {
  constexpr std::uint64_t kReach = 500;
  Ghost ghost(2000);
  ghost.SetReach(kReach);
  std::mt19937_64 random(20'26);
  std::deque<std::uint64_t> left;
  int wrong = 0;
  int returned = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t key = random() % 1000;
    if (i % 3 != 0) {
      Leave(ghost, key);
      std::erase(left, key);
      left.push_front(key);
      continue;
    }
    const auto at = std::ranges::find(left, key);
    // Repetitions count in Ghost's reach and not in the list's: only what is clear counts.
    const auto age = static_cast<std::uint64_t>(at - left.begin());
    const bool is_left = at != left.end();
    const bool answer = ghost.Return(HashOf(key)) > 0;
    returned += answer ? 1 : 0;
    if (answer && (!is_left || age > kReach)) ++wrong;
    if (!answer && is_left && age < kReach / 8) ++wrong;
    if (is_left) left.erase(at);
  }
  CHECK(returned > 5000);
  CHECK(wrong < returned / 20);  // keys that took another's place
}

TEST_CASE("what a sample of millions stands for is right within 5 %") {
  constexpr std::uint64_t kKeys = 4'000'000;
  Ghost ghost(kKeys);
  for (std::uint64_t i = 0; i < kKeys; ++i) Leave(ghost, i);
  double returned = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) returned += ghost.Return(HashOf(i));
  CHECK(returned > kKeys * 0.80);  // a place in eight was taken by another
  CHECK(returned < kKeys * 1.05);
}

TEST_CASE("its memory is in proportion to the reach that it is made for, within bounds") {
  CHECK(Ghost(0).MemoryBytes() == 512);
  CHECK(Ghost(100).MemoryBytes() == 4096);
  CHECK(Ghost(1'000'000'000).MemoryBytes() == 256 << 10);
}

TEST_CASE("threads") {
  Ghost ghost(1000);
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&ghost, t] {
      for (std::uint64_t i = 0; i < 20'000; ++i) {
        Leave(ghost, i % 2000);
        ghost.Return(HashOf((i + t * 500) % 2000));
        if (i % 1000 == 0) ghost.SetReach(1000 + i);
      }
    });
  }
  threads.clear();
  ghost.SetReach(1000);
  Leave(ghost, 1);
  CHECK(ghost.Return(HashOf(1)) >= 1);
}

}  // namespace
}  // namespace kvcache
