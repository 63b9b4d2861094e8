// PositionIndex against a map.
#include "base/position_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "harness.h"

namespace kvcache {
namespace {

// Owns so many places, each with a hash or free.
class Places {
 public:
  explicit Places(std::uint32_t count) : hashes_(count) {
    for (std::uint32_t i = count; i-- > 0;) free_.push_back(i);
  }
  std::uint64_t HashAt(std::uint32_t position) const { return hashes_[position]; }

  bool full() const { return free_.empty(); }
  std::uint32_t one_free() const { return free_.back(); }
  // Any of the free ones.
  std::uint32_t Take(std::uint64_t hash, std::uint64_t draw) {
    std::swap(free_[draw % free_.size()], free_.back());
    const std::uint32_t position = free_.back();
    free_.pop_back();
    hashes_[position] = hash;
    return position;
  }
  void Free(std::uint32_t position) { free_.push_back(position); }

 private:
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> free_;
};

// Runs random operations on hashes that `draw` gives; what is in the index comes and goes in tides.
template <class Draw>
void CheckAgainstMap(std::mt19937_64& random, const Draw& draw) {
  Places places(5000);
  PositionIndex index;
  std::map<std::uint64_t, std::uint32_t> model;
  for (int step = 0; step < 60000; ++step) {
    const bool grow = step / 10000 % 2 == 0;
    const std::uint64_t hash = draw();
    const auto found = model.find(hash);
    const std::uint32_t expected = found == model.end() ? PositionIndex::kNone : found->second;
    REQUIRE(index.Find(hash, places) == expected);
    if (random() % 8 < (grow ? 6 : 2)) {
      if (places.full()) continue;
      const std::uint32_t position = places.Take(hash, random());
      index.Set(hash, position, places);
      if (found != model.end()) places.Free(found->second);
      model[hash] = position;
    } else if (!model.empty()) {
      // A hash of the index, or whatever was drawn: then nothing happens if it is not there.
      const auto victim = random() % 4 == 0 ? found : model.lower_bound(hash);
      if (victim == model.end()) {
        if (!places.full()) index.Erase(hash, places.one_free(), places);
        continue;
      }
      const auto [key, position] = *victim;
      if (!places.full()) index.Erase(key, places.one_free(), places);  // it is not there
      REQUIRE(index.Find(key, places) == position);
      index.Erase(key, position, places);
      REQUIRE(index.Find(key, places) == PositionIndex::kNone);
      model.erase(victim);
      places.Free(position);
    }
    if (step % 5000 != 0) continue;
    for (const auto& [key, position] : model) REQUIRE(index.Find(key, places) == position);
  }
}

TEST_CASE("position index: finds what it is told, whatever the hashes are like") {
  std::mt19937_64 random(testing::Seed());
  CheckAgainstMap(random, [&random] { return random() % 6000 * 0x9e3779b97f4a7c15; });
  // Few homes, and tags that are all the same, as low bits are where positions are.
  CheckAgainstMap(random, [&random] { return (random() % 8 << 61) | random() % 300; });
  // Homes at the end of the table, from where probes go on at its beginning.
  CheckAgainstMap(random, [&random] { return ~std::uint64_t{0} - random() % 200; });
  // The same homes, and different tags.
  CheckAgainstMap(random, [&random] { return random() % 300 << 20; });
}

TEST_CASE("position index: its memory follows what is in it") {
  constexpr std::uint32_t kMany = 200'000;
  Places places(kMany);
  PositionIndex index;
  CHECK(index.MemoryBytes() == 0);
  CHECK(index.Find(1, places) == PositionIndex::kNone);
  index.Erase(1, 0, places);
  std::vector<std::uint32_t> positions;
  const auto hash = [](std::uint64_t i) { return i * 0x9e3779b97f4a7c15; };
  for (std::uint32_t i = 0; i < kMany; ++i) {
    positions.push_back(places.Take(hash(i), 0));
    index.Set(hash(i), positions[i], places);
    // Slots of 4 bytes, most of them used.
    if (i > 10'000 && i % 1000 == 0) {
      CHECK(index.MemoryBytes() > 4 * i);
      CHECK(index.MemoryBytes() < 10 * i);
    }
  }
  for (std::uint32_t i = 100; i < kMany; ++i) index.Erase(hash(i), positions[i], places);
  CHECK(index.MemoryBytes() <= 8192);
  for (std::uint32_t i = 0; i < 100; ++i) CHECK(index.Find(hash(i), places) == positions[i]);
}

TEST_CASE("position index: where room is reserved it need not grow") {
  Places places(1000);
  PositionIndex index;
  index.Reserve(1000, places);
  const std::size_t bytes = index.MemoryBytes();
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::uint64_t hash = i * 0x9e3779b97f4a7c15;
    index.Set(hash, places.Take(hash, i), places);
  }
  CHECK(index.MemoryBytes() == bytes);
}

}  // namespace
}  // namespace kvcache
