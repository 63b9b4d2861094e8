// Table against a plain map, with few buckets and many.
#include "tier/table.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "harness.h"

namespace kvcache {
namespace {

// Entries as the allocator places them: 8 beyond a multiple of 16.
class Entries {
 public:
  Entry* New(std::string_view key, std::string_view value) {
    const std::size_t bytes = RoundUp(8 + Entry::Footprint(key.size(), value.size(), 16), 16);
    memory_.push_back({static_cast<char*>(std::aligned_alloc(16, bytes)), &std::free});
    return Entry::Construct(memory_.back().get() + 8, key, value, 0);
  }

 private:
  std::vector<std::unique_ptr<char, decltype(&std::free)>> memory_;
};

class Fixture {
 public:
  Fixture() { table.Init(memory, 0); }

  std::uint64_t Hash(std::string_view key) const { return HashKey(key, seed); }

  void Insert(const std::string& key) {
    if (table.WantsRebuild()) Rebuild();
    Entry* entry = entries.New(key, "value of " + key);
    table.Insert(Hash(key), entry);
    model[key] = entry;
  }
  void Erase(const std::string& key) {
    table.Erase(Hash(key), model.at(key));
    model.erase(key);
  }
  void Rebuild() {
    memory.GiveBack(table.Rebuild([this](const Entry& entry) { return Hash(entry.key()); }));
  }

  std::uint64_t seed = 1;
  Entries entries;
  BucketMemory memory{1};
  Table table;
  std::map<std::string, Entry*> model;
};

TEST_CASE("table: random inserts, erasures and rebuilds agree with a map") {
  std::mt19937_64 random(testing::Seed());
  Fixture f;
  for (int step = 0; step < 60000; ++step) {
    const std::string key = "key" + std::to_string(random() % 3000);
    if (!f.model.contains(key)) {
      f.Insert(key);
    } else if (random() % 3 != 0) {
      f.Erase(key);
    } else if (f.table.WantsRebuild()) {
      f.Rebuild();
    }
    const std::string other = "key" + std::to_string(random() % 3000);
    const auto expected = f.model.find(other);
    REQUIRE(f.table.Find(f.Hash(other), other) ==
            (expected == f.model.end() ? nullptr : expected->second));
  }
  REQUIRE(f.table.size() == f.model.size());
  for (const auto& [key, entry] : f.model) REQUIRE(f.table.Find(f.Hash(key), key) == entry);
}

TEST_CASE("table: keys of one hash overflow, are found, and leave nothing behind") {
  Fixture f;
  const std::uint64_t hash = 0x123456789abcdef0;
  std::vector<Entry*> entries;
  for (int i = 0; i < 100; ++i) {
    if (f.table.WantsRebuild()) {
      f.memory.GiveBack(f.table.Rebuild([&](const Entry&) { return hash; }));
    }
    entries.push_back(f.entries.New("k" + std::to_string(i), "v"));
    f.table.Insert(hash, entries.back());
  }
  CHECK(f.table.longest_probe() >= 100 / 8);
  for (Entry* entry : entries) REQUIRE(f.table.Find(hash, entry->key()) == entry);
  for (Entry* entry : entries) {
    f.table.Erase(hash, entry);
    REQUIRE(f.table.Find(hash, entry->key()) == nullptr);
    REQUIRE_FALSE(f.table.Holds(hash, entry));
  }
  CHECK(f.table.size() == 0);
}

TEST_CASE("table: probes stay short at any size") {
  Fixture f;
  for (int i = 0; i < 50000; ++i) {
    f.Insert("key" + std::to_string(i));
    REQUIRE(f.table.longest_probe() <= 24);
  }
}

TEST_CASE("table: keys that collide under one seed do not under another") {
  // The 16-bit tags of these keys are all equal under seed 1.
  Fixture f;
  std::vector<std::string> colliding;
  const auto tag = [](std::uint64_t hash) { return (hash >> 10) & 0xffff; };
  for (int i = 0; colliding.size() < 20; ++i) {
    std::string key = "key" + std::to_string(i);
    if (tag(HashKey(key, 1)) == 0x1234) colliding.push_back(std::move(key));
  }
  int equal = 0;
  for (const std::string& key : colliding) equal += tag(HashKey(key, 2)) == 0x1234 ? 1 : 0;
  CHECK(equal <= 1);
}

TEST_CASE("table: Replace puts another entry in the same place") {
  Fixture f;
  f.Insert("a");
  Entry* copy = f.entries.New("a", "moved");
  f.table.Replace(f.Hash("a"), f.model["a"], copy);
  CHECK(f.table.Find(f.Hash("a"), "a") == copy);
  CHECK(f.table.size() == 1);
}

TEST_CASE("table: a rebuild changes the version, though the memory may be what it was before") {
  Fixture f;
  f.Insert("a");
  std::uint64_t last = f.table.version();
  for (int i = 0; i < 10; ++i) {
    f.Rebuild();
    CHECK(f.table.version() > last);
    last = f.table.version();
  }
}

TEST_CASE("table: it shrinks when most entries have left") {
  Fixture f;
  for (int i = 0; i < 10000; ++i) f.Insert(std::to_string(i));
  const std::size_t full = f.table.MemoryBytes();
  for (int i = 0; i < 9900; ++i) f.Erase(std::to_string(i));
  REQUIRE(f.table.WantsRebuild());
  f.Rebuild();
  CHECK(f.table.MemoryBytes() < full / 10);
  for (int i = 9900; i < 10000; ++i) {
    CHECK(f.table.Find(f.Hash(std::to_string(i)), std::to_string(i)) != nullptr);
  }
}

}  // namespace
}  // namespace kvcache
