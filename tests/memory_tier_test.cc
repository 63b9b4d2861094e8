// MemoryTier without store or protocol: room, moving, sweeping, switching.
#include "tier/memory_tier.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <latch>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"
#include "policy/lru.h"
#include "policy/tier_rules.h"
#include "support/sample_policies.h"
#include "support/tier_fixture.h"
#include "support/watchdog.h"

namespace kvcache {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

using testing::Fixture;
using testing::Spec;

// The accounts say what is there, entry by entry.
void CheckAccounts(MemoryTier& tier) {
  for (std::size_t i = 0; i < tier.shards(); ++i) {
    Shard& shard = tier.shard(i);
    const std::lock_guard lock(shard.mutex());
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    for (std::size_t position = 0; position < shard.table().positions(); ++position) {
      const Entry* entry = shard.table().At(position);
      if (entry == nullptr) continue;
      ++entries;
      bytes += SlabAllocator::ChargeOf(entry);
    }
    REQUIRE(shard.entries() == entries);
    REQUIRE(shard.bytes() == bytes);
  }
}

std::string ValueFor(const std::string& key, std::size_t size) {
  std::string value = key + ":";
  while (value.size() < size) value += static_cast<char>('a' + value.size() % 26);
  value.resize(size);
  return value;
}

// How many of 3,200 hits on one key changed what `bytes` returns.
template <class Bytes>
int HitsThatChange(Fixture& f, const std::string& key, Bytes&& bytes) {
  int changes = 0;
  std::string before = bytes();
  for (int i = 0; i < 3200; ++i) {
    f.Get(key);
    std::string after = bytes();
    changes += before != after ? 1 : 0;
    before = std::move(after);
  }
  return changes;
}

TEST_CASE("a hit takes no lock: it goes on while another thread holds its shard's") {
  int lock_free = 0;
  for (const PolicyInfo& info : RegisteredPolicies()) {
    if (info.touch_needs_lock) continue;
    ++lock_free;
    CAPTURE(info.name);
    Fixture f({.capacity = 16 * kMiB, .shards = 1}, info.name);
    for (int i = 0; i < 100; ++i) REQUIRE(f.Put(std::to_string(i), "value"));
    const testing::Watchdog watchdog("a hit while its shard is locked");
    int hits = 0;
    {
      const std::lock_guard lock(f.tier.shard(0).mutex());
      std::jthread([&] {
        for (int i = 0; i < 3200; ++i) {
          const std::string key = std::to_string(i % 100);
          const HashedKey hashed = {f.tier.Hash(key), key};
          if (f.Get(key)) ++hits;
          if (f.Pin(key)) ++hits;
          f.tier.HitMany({&hashed, 1}, [&](Entry&) { ++hits; }, [] {});
        }
      }).join();
    }
    CHECK(hits == 3 * 3200);
  }
  CHECK(lock_free >= 4);  // lru, lfu, lru-k and the default at least
}

TEST_CASE("a hit takes its shard's lock in exact order, where it may set the policy's clock back") {
  for (const PolicyInfo& info : RegisteredPolicies()) {
    CAPTURE(info.name);
    Fixture f({.capacity_entries = 10, .shards = 1, .exact_policy = true}, info.name);
    REQUIRE(f.Put("k", "value"));
    CHECK_FALSE(f.tier.Hit(f.tier.Hash("k"), "k", [](Entry&) {}));
    CHECK(f.Get("k") == "value");
  }
}

TEST_CASE("a hit writes no line that other readers read, but its entry's mark once a tick") {
  for (const char* policy : {"lru", "lfu", "lru-k", "s3-fifo"}) {
    CAPTURE(policy);
    Fixture f({.capacity = 16 * kMiB, .shards = 1}, policy);
    for (int i = 0; i < 10000; ++i) REQUIRE(f.Put(std::to_string(i), "value"));
    const std::string key = "4711";
    for (int i = 0; i < 20; ++i) f.Get(key);  // lfu counts the first ones always
    const std::uint64_t hash = f.tier.Hash(key);
    Shard& shard = f.tier.ShardOf(hash);
    Entry* entry = shard.Find(hash, key);
    const auto raw = [](const auto* at, std::size_t size) {
      return std::string(reinterpret_cast<const char*>(at), size);
    };
    // What hits read of the shard lies on its first lines, before the lock and the counters.
    const auto first_lines = static_cast<std::size_t>(
        reinterpret_cast<const char*>(&shard.mutex()) - reinterpret_cast<const char*>(&shard));
    REQUIRE(first_lines >= 64);
    CHECK(HitsThatChange(f, key, [&] { return raw(&f.tier, sizeof(f.tier)); }) == 0);
    CHECK(HitsThatChange(f, key, [&] { return raw(&shard, first_lines); }) == 0);
    CHECK(HitsThatChange(f, key, [&] { return raw(shard.table().Home(hash), 64); }) == 0);
    CHECK(HitsThatChange(f, key, [&] { return raw(&shard.ordering(), sizeof(Ordering)); }) == 0);
    // 10,000 entries make a tick of 9.8 insertions, which 625 hits are worth; lru-k:k=2 takes note
    // of two hits a tick.
    CHECK(HitsThatChange(f, key, [&] { return raw(entry, entry->footprint()); }) <=
          2 * (3200 / 625 + 1));
    // The lock and what it guards: for a repair every 32 hits.
    CHECK(HitsThatChange(f, key, [&] {
            return raw(reinterpret_cast<const char*>(&shard) + first_lines,
                       sizeof(Shard) - first_lines);
          }) <= 3200 / 32);
  }
}

TEST_CASE("tier: entries are what was put, or gone; the accounts never exceed the capacity") {
  for (const char* policy : {"lru", "lfu", "lru-k"}) {
    CAPTURE(policy);
    Fixture f({.capacity = 16 * kMiB, .shards = 4}, policy);
    std::mt19937_64 random(testing::Seed());
    std::map<std::string, std::size_t> sizes;
    for (int step = 0; step < 40000; ++step) {
      // Sizes shift as time goes by: slabs must change their class.
      const std::size_t typical = step < 15000 ? 100 : step < 28000 ? 1500 : 6000;
      const std::string key = "key" + std::to_string(random() % 20000);
      if (random() % 2 == 0) {
        const std::size_t size = random() % (2 * typical);
        f.Put(key, ValueFor(key, size));
        sizes[key] = size;
      } else if (const auto value = f.Get(key)) {
        REQUIRE(*value == ValueFor(key, sizes.at(key)));
      }
      if (step % 1000 == 999) {
        const Stats stats = f.tier.GetStats();
        // Two slabs: what one insertion may have been given before it saw the tables grow.
        REQUIRE(stats.memory_bytes <= 16 * kMiB + 2 * SlabAllocator::kSlabBytes);
        REQUIRE(stats.pinned_bytes == 0);
        CheckAccounts(f.tier);
      }
    }
    const Stats stats = f.tier.GetStats();
    CHECK(stats.total.bytes > 16 * kMiB * 8 / 10);  // after sizes shifted twice
    CHECK(stats.total.evictions > 1000);
  }
}

TEST_CASE("tier: pinned entries survive eviction, moving and the tier itself, and are counted") {
  std::vector<std::pair<std::string, Value>> pinned;
  {
    Fixture f({.capacity = 2 * kMiB, .shards = 2});
    for (int i = 0; i < 20000; ++i) {
      const std::string key = "key" + std::to_string(i);
      REQUIRE(f.Put(key, ValueFor(key, i < 10000 ? 200 : 3000)));
      if (i % 100 == 0) {
        auto value = f.Pin(key);
        REQUIRE(value.has_value());
        pinned.emplace_back(key, *std::move(value));
      }
    }
    const Stats stats = f.tier.GetStats();
    CHECK(stats.pinned_bytes > 100 * 200);
    CHECK(stats.memory_bytes <= 2 * kMiB + stats.pinned_bytes + 2 * SlabAllocator::kSlabBytes);
  }
  for (const auto& [key, value] : pinned) REQUIRE(value.view() == ValueFor(key, value.size()));
  CHECK(pinned.size() == 200);
}

TEST_CASE("tier: slabs that Values hold a block of do not keep others from being emptied") {
  Fixture f({.capacity = 16 * kMiB, .shards = 1});
  Shard& shard = f.tier.shard(0);
  constexpr int kSmall = 40000;
  for (int i = 0; i < kSmall; ++i) REQUIRE(f.Put(std::to_string(i), ValueFor("small", 300)));
  // Of each hundred a few stay, so that all slabs are sparse; no slab is emptier than the pinned.
  std::optional<Value> pinned;
  for (int i = 0; i < kSmall; ++i) {
    const bool beside_pinned = i / 500 == 78;
    if (i % 10 == 0 && !beside_pinned) continue;
    const std::string key = std::to_string(i);
    if (i == 39250) pinned = f.Pin(key);
    const std::lock_guard lock(shard.mutex());
    f.tier.Drop(shard, f.tier.Hash(key), key);
  }
  REQUIRE(pinned.has_value());
  const std::uint64_t left = f.tier.GetStats().total.entries;
  constexpr int kLarge = 3000;  // 9 MB
  for (int i = 0; i < kLarge; ++i)
    REQUIRE(f.Put("large" + std::to_string(i), ValueFor("large", 3000)));
  const Stats stats = f.tier.GetStats();
  // The first time that one wants room, a batch makes it.
  CHECK(stats.total.evictions <= EvictionBatch(left + kLarge));
  CHECK(stats.total.entries == left + kLarge - stats.total.evictions);
  CHECK(pinned->view() == ValueFor("small", 300));
}

TEST_CASE("tier: when Values go, their bytes are no longer pinned") {
  Fixture f({.capacity = kMiB, .shards = 1});
  f.Put("a", ValueFor("a", 1000));
  auto value = f.Pin("a");
  CHECK(f.tier.GetStats().pinned_bytes == 0);
  f.tier.SetCapacity(0);
  CHECK(f.tier.GetStats().pinned_bytes >= 1000);
  CHECK(f.tier.GetStats().total.entries == 0);
  value.reset();
  CHECK(f.tier.GetStats().pinned_bytes == 0);
}

TEST_CASE("tier: SetCapacity gives memory back by evicting and moving, and keeps the hottest") {
  Fixture f({.capacity = 8 * kMiB, .shards = 2});
  for (int i = 0; i < 20000; ++i) f.Put(std::to_string(i), ValueFor(std::to_string(i), 300));
  const std::uint64_t before = f.tier.GetStats().total.entries;
  f.tier.SetCapacity(4 * kMiB);
  Stats stats = f.tier.GetStats();
  CHECK(stats.memory_bytes <= 4 * kMiB);
  CHECK(stats.total.entries > before * 4 / 10);
  for (int i = 19000; i < 20000; ++i) REQUIRE(f.Get(std::to_string(i)).has_value());
  f.tier.SetCapacity(0);
  stats = f.tier.GetStats();
  CHECK(stats.total.entries == 0);
  CHECK(stats.total.bytes == 0);
  CHECK_FALSE(f.Put("x", "y"));
  f.tier.SetCapacity(kMiB);
  CHECK(f.Put("x", "y"));
}

TEST_CASE("tier: a capacity far below what the tables take keeps as many entries as fit") {
  const auto fill = [](Fixture& f) {
    for (int i = 0; i < 400000; ++i) f.Put(std::to_string(i), "v");
    return f.tier.GetStats().total.entries;
  };
  Fixture small({.capacity = 2 * kMiB, .shards = 2});
  const std::uint64_t fit = fill(small);
  Fixture f({.capacity = 32 * kMiB, .shards = 2});
  CHECK(fill(f) > 8 * fit);
  SUBCASE("SetCapacity") { f.tier.SetCapacity(2 * kMiB); }
  SUBCASE("piece by piece") {
    f.tier.SetLimit(2 * kMiB);
    while (f.tier.GiveUp()) {
    }
  }
  CHECK(f.tier.GetStats().memory_bytes <= 2 * kMiB);
  CHECK(f.tier.GetStats().total.entries > fit * 3 / 4);
}

TEST_CASE("tier: an insertion amid a change of capacity frees a part of what left, not all of it") {
  Fixture f({.capacity = 8 * kMiB, .shards = 1});
  constexpr int kEntries = 20000;
  for (int i = 0; i < kEntries; ++i) f.Put(std::to_string(i), ValueFor(std::to_string(i), 100));
  Shard& shard = f.tier.shard(0);
  for (int i = 0; i < kEntries; i += 2) {
    const std::string key = std::to_string(i);
    const std::lock_guard lock(shard.mutex());
    f.tier.Drop(shard, f.tier.Hash(key), key);
  }
  f.tier.SetLimit(2 * kMiB);
  CHECK(f.Put("x", ValueFor("x", 100)));
  int left = 0;
  while (f.tier.Collect(1)) ++left;
  CHECK(left > kEntries / 4);
}

TEST_CASE("tier: an entry that moves to a block of another size is charged for that one") {
  Fixture f({.capacity = 16 * kMiB, .shards = 2});
  std::mt19937_64 random(testing::Seed());
  // Below 8 MiB blocks are of fewer sizes.
  for (const std::uint64_t capacity : {16 * kMiB, 4 * kMiB, 12 * kMiB, 2 * kMiB}) {
    CAPTURE(capacity);
    f.tier.SetCapacity(capacity);
    CheckAccounts(f.tier);
    for (int i = 0; i < 20000; ++i) {
      const std::string key = std::to_string(random() % 50000);
      f.Put(key, ValueFor(key, random() % 1000));
    }
    CheckAccounts(f.tier);
  }
}

TEST_CASE("tier: a capacity in entries is kept exactly") {
  Fixture f({.capacity_entries = 1000, .shards = 4});
  for (int i = 0; i < 5000; ++i) f.Put(std::to_string(i), "value");
  CHECK(f.tier.GetStats().total.entries == 1000);
  f.tier.SetCapacityEntries(10);
  CHECK(f.tier.GetStats().total.entries == 10);
  f.tier.SetCapacityEntries(2);  // fewer than shards: some hold none
  for (int i = 0; i < 100; ++i) f.Put(std::to_string(i), "value");
  CHECK(f.tier.GetStats().total.entries == 2);
}

// First in, first out, and tells of its calls.
class Telling final : public testing::FifoPolicy {
 public:
  struct Listener {
    std::function<void(std::uint64_t weight)> set_capacity = [](std::uint64_t) {};
    std::function<void()> inserted = [] {};
  };

  static PolicySpec To(const Listener& listener) {
    PolicyInfo info;
    info.name = "telling";
    info.make = [&listener](const PolicyContext&, const std::vector<double>&) {
      return std::make_unique<Telling>(listener);
    };
    return {.info = info, .values = {}};
  }

  explicit Telling(const Listener& listener) : listener_(listener) {}
  void SetCapacity(std::uint64_t weight) override { listener_.set_capacity(weight); }
  void Insert(PolicyNode& node) override {
    FifoPolicy::Insert(node);
    listener_.inserted();
  }

 private:
  const Listener& listener_;
};

TEST_CASE("tier: policies are told their shard's part, in entries or in bytes, and what fits") {
  std::vector<std::uint64_t> told;
  Telling::Listener listener;
  listener.set_capacity = [&](std::uint64_t weight) { told.push_back(weight); };
  Fixture entries({.capacity_entries = 1000, .shards = 2});
  entries.tier.SetPolicy(Telling::To(listener));
  CHECK(told == std::vector<std::uint64_t>{500, 500});
  told.clear();
  entries.tier.SetCapacityEntries(301);
  CHECK(told == std::vector<std::uint64_t>{151, 150});
  for (int i = 0; i < 1000; ++i) entries.Put(std::to_string(i), "value");
  CHECK(told.size() == 2);

  told.clear();
  Fixture bytes({.capacity = 8 * kMiB, .shards = 2});
  bytes.tier.SetPolicy(Telling::To(listener));
  CHECK(told == std::vector<std::uint64_t>{4 * kMiB, 4 * kMiB});
  bytes.tier.SetCapacity(2 * kMiB);
  CHECK(told.size() == 4);
  CHECK(told.back() == kMiB);
  for (int i = 0; i < 3000; ++i) bytes.Put(std::to_string(i), std::string(2000, 'v'));
  REQUIRE(bytes.tier.GetStats().total.evictions > 0);
  CHECK(told.size() > 4);
  CHECK(std::ranges::all_of(told.begin() + 4, told.end(),
                            [](std::uint64_t weight) { return weight > 0 && weight < 2 * kMiB; }));
}

TEST_CASE("tier: while a policy takes over from another the memory of both counts") {
  const Telling::Listener deaf;
  Telling::Listener listener;
  Fixture f({.capacity_entries = 100, .shards = 1});
  f.tier.SetPolicy(Telling::To(deaf));
  for (int i = 0; i < 100; ++i) f.Put(std::to_string(i), "value");
  const Shard& shard = f.tier.shard(0);
  const std::size_t overhead = shard.OverheadBytes();
  std::vector<std::size_t> meanwhile;
  listener.inserted = [&] { meanwhile.push_back(shard.OverheadBytes()); };
  f.tier.SetPolicy(Telling::To(listener));
  CHECK(meanwhile == std::vector<std::size_t>(100, overhead));  // who left one is in the other
}

TEST_CASE(
    "tier: a shard makes room for itself, unless another is larger by more than a sixteenth") {
  CHECK_FALSE(TakesFrom(16, 16));
  CHECK_FALSE(TakesFrom(16, 17));
  CHECK(TakesFrom(16, 18));
  CHECK(TakesFrom(0, 1));
}

TEST_CASE("tier: Sweep drops what is in scope and nothing else") {
  Fixture f({.capacity = 8 * kMiB, .shards = 4});
  for (int i = 0; i < 10000; ++i) f.Put(std::to_string(i), "value");
  f.tier.Sweep([](std::string_view key) { return key.ends_with('7'); });
  for (int i = 0; i < 10000; ++i) {
    REQUIRE(f.Get(std::to_string(i)).has_value() == (i % 10 != 7));
  }
  CHECK(f.tier.GetStats().total.invalidations == 1000);
}

TEST_CASE("tier: SetPolicy keeps the contents, coldest first") {
  Fixture f({.capacity_entries = 100, .shards = 1, .exact_policy = true});
  for (int i = 0; i < 100; ++i) f.Put(std::to_string(i), "value");
  for (int i = 0; i < 50; ++i) f.Get(std::to_string(i));  // 50 .. 99 are now the coldest
  for (const char* policy : {"lfu", "lru-k:k=3", "lru"}) {
    f.tier.SetPolicy(Spec(policy));
    CHECK(f.tier.GetStats().policy == Spec(policy).ToString());
    REQUIRE(f.tier.GetStats().total.entries == 100);
  }
  for (int i = 0; i < 50; ++i) f.Put("new" + std::to_string(i), "value");
  for (int i = 0; i < 50; ++i) REQUIRE(f.Get(std::to_string(i)).has_value());
  for (int i = 50; i < 100; ++i) REQUIRE_FALSE(f.Get(std::to_string(i)).has_value());
}

TEST_CASE("tier: threads hit and put in exact order while the policy's clock is set back") {
  PolicySpec spec = Spec("lru");
  spec.info.make = [](const PolicyContext& context, const std::vector<double>&) {
    auto policy = std::make_unique<Lru>(context);
    policy->SetClockForTest(std::numeric_limits<std::uint32_t>::max() - 5000);
    return policy;
  };
  Fixture f({.capacity_entries = 1000, .shards = 1, .exact_policy = true});
  f.tier.SetPolicy(spec);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&f, t] {
      std::mt19937_64 random(testing::Seed() + static_cast<std::uint64_t>(t));
      for (int step = 0; step < 5000; ++step) {
        const std::string key = std::to_string(random() % 2000);
        if (!f.Get(key)) f.Put(key, "value");
      }
    });
  }
  threads.clear();
  CHECK(f.tier.GetStats().total.entries == 1000);
}

TEST_CASE("tier: threads hit, put, drop, move and switch at once and see only whole values") {
  Fixture f({.capacity = kMiB, .shards = 2});
  constexpr int kThreads = 4;
  constexpr unsigned kSteps = 15000;
  std::atomic<int> wrong{0};
  std::latch start(kThreads);
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(testing::Seed() + static_cast<std::uint64_t>(t));
      const char* policies[] = {"lru", "lfu", "lru-k:k=2", "lru-k:k=3"};
      start.arrive_and_wait();
      for (unsigned step = 0; step < kSteps; ++step) {
        const std::string key = "key" + std::to_string(random() % 3000);
        if (random() % 3 == 0) {
          f.Put(key, ValueFor(key, random() % 3 == 0 ? 4000 : 120));
        } else if (const auto value = f.Pin(key)) {
          if (value->view() != ValueFor(key, value->size())) ++wrong;
        }
        if (t == 0 && step % 1500 == 0) f.tier.SetPolicy(Spec(policies[step / 1500 % 4]));
        if (t == 1 && step % 1000 == 0) f.tier.SetCapacity((step / 1000 % 3 + 1) * kMiB / 2);
        if (t == 2 && step % 1000 == 0) {
          f.tier.Sweep([](std::string_view swept) { return swept.ends_with('3'); });
        }
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
  f.tier.SetCapacity(0);
  const Stats stats = f.tier.GetStats();
  CHECK(stats.total.entries == 0);
  CHECK(stats.total.bytes == 0);
  CHECK(stats.pinned_bytes == 0);
}

}  // namespace
}  // namespace kvcache
