// What policies are made of: the lazy heap, the memories of evicted keys, the sketch of
// frequencies, the clock's wrap. The lists are in node_lists_test.cc.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/hash.h"
#include "harness.h"
#include "policy/frequency_sketch.h"
#include "policy/ghost_filter.h"
#include "policy/ghost_queues.h"
#include "policy/history.h"
#include "policy/lazy_heap.h"
#include "policy/lfu.h"
#include "policy/lirs.h"
#include "policy/lru.h"
#include "policy/lru_k.h"
#include "support/policy_driver.h"

namespace kvcache {
namespace {

TEST_CASE("lazy heap: the top is always the least recorded rank") {
  std::mt19937_64 random(testing::Seed());
  LazyHeap<> heap;
  std::vector<PolicyNode> nodes(500);
  std::map<PolicyNode*, std::uint64_t> ranks;
  for (int step = 0; step < 50000; ++step) {
    PolicyNode& node = nodes[random() % nodes.size()];
    PolicyNode& other = nodes[random() % nodes.size()];
    const std::uint64_t rank = random() % 1000;
    REQUIRE(heap.Has(node) == ranks.contains(&node));
    if (!ranks.contains(&node)) {
      node.position = static_cast<std::uint32_t>(random());  // whatever it was left with
      heap.Push(node, rank);
      ranks[&node] = rank;
    } else if (random() % 4 == 0 && !ranks.contains(&other)) {
      heap.Replace(node, other);
      ranks[&other] = ranks.extract(&node).mapped();
    } else if (random() % 2 == 0) {
      heap.Remove(node);
      ranks.erase(&node);
    } else {
      heap.ChangeRank(node, rank);
      ranks[&node] = rank;
    }
    REQUIRE(heap.size() == ranks.size());
    if (ranks.empty()) continue;
    const auto least = std::ranges::min_element(ranks, {}, [](const auto& r) { return r.second; });
    REQUIRE(heap.top().rank == least->second);
    REQUIRE(ranks.at(heap.top().node) == heap.top().rank);
  }
}

// A ring of events and a scan over it: what History promises, without its index.
class NaiveHistory {
 public:
  std::optional<std::uint32_t> Find(std::uint64_t hash) const {
    const auto event = std::ranges::find(events_.rbegin(), events_.rend(), hash, &Event::hash);
    return event == events_.rend() ? std::nullopt : std::optional(event->word);
  }
  void Remember(std::uint64_t hash, std::uint32_t word, std::size_t most) {
    while (!events_.empty() && events_.size() >= most) events_.pop_front();
    if (most > 0) events_.push_back({hash, word});
  }

 private:
  struct Event {
    std::uint64_t hash;
    std::uint32_t word;
  };
  std::deque<Event> events_;
};

TEST_CASE("history: remembers the last evictions, whatever their number does") {
  std::mt19937_64 random(testing::Seed());
  History history(1);
  NaiveHistory naive;
  std::size_t most = 100;
  for (std::uint32_t step = 0; step < 60000; ++step) {
    if (step % 5000 == 0) most = random() % 3 == 0 ? random() % 4 : random() % 3000;
    // Few high bits: many keys share a home in the index.
    const std::uint64_t hash = (random() % 8 << 61) | random() % 300;
    if (random() % 2 == 0) {
      const auto words = history.Remember(hash, most);
      REQUIRE(words.size() == (most == 0 ? 0 : 1));
      if (most > 0) words[0] = step;
      naive.Remember(hash, step, most);
    }
    const std::uint64_t asked = (random() % 8 << 61) | random() % 300;
    const auto expected = naive.Find(asked);
    const auto found = history.Find(asked);
    REQUIRE(found.empty() == !expected.has_value());
    if (expected) REQUIRE(found[0] == *expected);
  }
}

TEST_CASE("history: its memory follows what it has to remember") {
  History history(2);
  for (std::uint64_t i = 0; i < 100000; ++i) history.Remember(i * 0x9e3779b97f4a7c15, 100000);
  // 16 bytes a record and the index, with room to grow.
  CHECK(history.MemoryBytes() < 100000 * 28);
  CHECK(history.MemoryBytes() > 100000 * 20);
  for (std::uint64_t i = 0; i < 10; ++i) history.Remember(i, 1000);
  CHECK(history.MemoryBytes() < 64 << 10);
}

// A queue of hashes and weights, searched from end to end.
class NaiveGhosts {
 public:
  struct Ghost {
    std::uint64_t hash;
    std::uint32_t weight;
  };

  std::size_t size() const { return ghosts_.size(); }
  std::uint64_t weight() const {
    std::uint64_t weight = 0;
    for (const Ghost& ghost : ghosts_) weight += ghost.weight;
    return weight;
  }
  const Ghost& oldest() const { return ghosts_.front(); }
  std::optional<std::uint32_t> WeightOf(std::uint64_t hash) const {
    const auto found = std::ranges::find(ghosts_, hash, &Ghost::hash);
    return found == ghosts_.end() ? std::nullopt : std::optional(found->weight);
  }
  bool Erase(std::uint64_t hash) {
    return std::erase_if(ghosts_, [hash](const Ghost& ghost) { return ghost.hash == hash; }) > 0;
  }
  void Push(std::uint64_t hash, std::uint32_t weight) {
    Erase(hash);
    ghosts_.push_back({hash, weight});
  }
  void Forget() { ghosts_.pop_front(); }

 private:
  std::deque<Ghost> ghosts_;
};

// Forgets of both until they are even: a call of so many steps may have found some keys that had
// been taken out already.
void ForgetAlike(std::size_t left, NaiveGhosts& naive, std::size_t steps) {
  REQUIRE(left <= naive.size());
  REQUIRE(naive.size() - left <= steps);
  while (naive.size() > left) naive.Forget();
}

void CompareWithNaiveGhosts(unsigned queues) {
  std::mt19937_64 random(testing::Seed());
  GhostQueues ghosts;
  std::vector<NaiveGhosts> naive_queues(queues);
  // Few homes in the index, and all tags the same.
  const auto draw = [&random] { return (random() % 8 << 57) | random() % 150; };
  std::uint64_t most = 100;  // weight
  for (int step = 0; step < 60000; ++step) {
    if (step % 3000 == 0) most = random() % 3 == 0 ? random() % 40 : random() % 9000;
    const auto weight = static_cast<std::uint32_t>(random() % 20);
    const std::uint64_t hash = draw();
    const auto queue = static_cast<unsigned>(random() % queues);
    NaiveGhosts& naive = naive_queues[queue];
    const std::uint64_t action = random() % 16;
    if (action < 8) {
      ghosts.Take(hash);
      ghosts.Push(hash, weight, queue);
      for (NaiveGhosts& other : naive_queues) other.Erase(hash);
      naive.Push(hash, weight);
    } else if (action < 10) {
      const auto taken = ghosts.Take(hash);
      for (unsigned i = 0; i < queues; ++i) {
        REQUIRE((taken && taken->queue == i) == naive_queues[i].Erase(hash));
      }
    } else if (action < 12) {
      ghosts.Trim(most, ~std::size_t{0}, queue);
      while (naive.weight() > most) naive.Forget();
    } else if (action < 13) {
      const std::size_t steps = random() % 3;
      ghosts.Trim(most, steps, queue);
      ForgetAlike(ghosts.size(queue), naive, steps);
    } else if (action < 14) {
      const auto light = [](std::uint32_t one) { return one < 6; };
      ghosts.ForgetOldest(1000, light, queue);
      while (naive.size() > 0 && light(naive.oldest().weight)) naive.Forget();
    } else if (action < 15) {
      const std::size_t steps = random() % 3;
      ghosts.ForgetOldest(steps, [](std::uint32_t) { return true; }, queue);
      ForgetAlike(ghosts.size(queue), naive, steps);
    }
    const std::uint64_t asked = draw();
    const auto found = ghosts.Find(asked);
    for (unsigned i = 0; i < queues; ++i) {
      REQUIRE(ghosts.size(i) == naive_queues[i].size());
      REQUIRE(ghosts.weight(i) == naive_queues[i].weight());
      const auto here = found && found->queue == i ? std::optional(found->weight) : std::nullopt;
      REQUIRE(here == naive_queues[i].WeightOf(asked));
    }
  }
}

TEST_CASE("ghost queues: the oldest go first, and any can be taken out") {
  for (const unsigned queues : {1U, 2U, 15U}) CompareWithNaiveGhosts(queues);
}

TEST_CASE("ghost queue: steps are counted where nothing was taken out") {
  GhostQueues ghosts;
  for (std::uint64_t i = 0; i < 10; ++i) ghosts.Push(i, 2);
  ghosts.Trim(0, 3);
  CHECK(ghosts.size() == 7);
  CHECK(!ghosts.Find(2));
  CHECK(ghosts.Find(3));
  ghosts.ForgetOldest(2, [](std::uint32_t) { return true; });
  CHECK(ghosts.size() == 5);
  ghosts.Trim(0, 0);
  CHECK(ghosts.weight() == 10);
}

TEST_CASE("ghost queue: its memory follows what it has to remember") {
  GhostQueues ghosts;
  const auto hash = [](std::uint64_t i) { return i * 0x9e3779b97f4a7c15; };
  for (std::uint64_t i = 0; i < 100'000; ++i) ghosts.Push(hash(i), 1);
  CHECK(ghosts.MemoryBytes() < 100'000 * 26);
  CHECK(ghosts.MemoryBytes() > 100'000 * 16);
  // Keys that go in and out do not fill the ring.
  for (std::uint64_t i = 0; i < 500'000; ++i) {
    ghosts.Take(hash(i));
    ghosts.Push(hash(i + 100'000), 1);
  }
  CHECK(ghosts.size() == 100'000);
  CHECK(ghosts.MemoryBytes() < 100'000 * 26);
  ghosts.Trim(10);
  ghosts.Push(hash(0), 1);
  CHECK(ghosts.size() == 11);
  CHECK(ghosts.MemoryBytes() < 16 << 10);
}

std::uint64_t HashOf(std::uint64_t i) { return HashKey(std::to_string(i), 1); }

// Pushes keys numbered from `begin` to `end`, each of a weight about 100.
void PushKeys(GhostFilter& ghosts, std::uint64_t begin, std::uint64_t end, std::uint64_t most) {
  for (std::uint64_t i = begin; i < end; ++i) {
    ghosts.Push(HashOf(i), static_cast<std::uint32_t>(90 + i % 21), most);
  }
}

// The share of these keys that it remembers, which it is made to forget.
double TakeKeys(GhostFilter& ghosts, std::uint64_t begin, std::uint64_t end) {
  std::uint64_t taken = 0;
  for (std::uint64_t i = begin; i < end; ++i) taken += ghosts.Take(HashOf(i)) ? 1 : 0;
  return static_cast<double>(taken) / static_cast<double>(end - begin);
}

TEST_CASE("ghost filter: it remembers the keys that left last, until they are taken") {
  for (const std::uint64_t keys : {100U, 3000U, 50'000U}) {
    CAPTURE(keys);
    GhostFilter ghosts;
    const std::uint64_t most = keys * 100;
    PushKeys(ghosts, 0, keys * 20, most);
    CHECK(ghosts.MemoryBytes() <= keys * 13 / 2 + 4096);
    // Counted by ticks, of which there are a thousand.
    const std::uint64_t slack = keys / 50 + 16;
    CHECK(TakeKeys(ghosts, 0, keys * 19 - slack) < 0.0005);
    CHECK(TakeKeys(ghosts, keys * 19 + slack, keys * 20) > 0.97);
    CHECK(TakeKeys(ghosts, keys * 19 + slack, keys * 20) < 0.0005);
  }
}

TEST_CASE("ghost filter: it takes memory for keys that have left, not for all that might") {
  GhostFilter ghosts;
  constexpr std::uint64_t kAny = ~std::uint64_t{0};
  PushKeys(ghosts, 0, 500, kAny);
  CHECK(ghosts.MemoryBytes() == 4096);
  CHECK(TakeKeys(ghosts, 0, 500) > 0.97);
  PushKeys(ghosts, 0, 100'000, kAny);
  CHECK(ghosts.MemoryBytes() < 100'000 * 24);
}

TEST_CASE("ghost filter: what is long gone is not taken for new when the clock comes round") {
  constexpr std::uint64_t kKeys = 2000;
  GhostFilter ghosts;
  PushKeys(ghosts, 0, kKeys, kKeys * 100);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    PushKeys(ghosts, i * kKeys, (i + 1) * kKeys, kKeys * 100);
    CHECK(TakeKeys(ghosts, 0, kKeys / 2) < (i == 1 ? 0.6 : 0.002));
  }
}

TEST_CASE("ghost filter: it follows what it is to remember, up and down, and to nothing") {
  GhostFilter ghosts;
  std::uint64_t next = 0;
  for (const std::uint64_t keys : {5000U, 100'000U, 20'000U, 1000U, 30'000U}) {
    CAPTURE(keys);
    PushKeys(ghosts, next, next + 3 * keys, keys * 100);
    next += 3 * keys;
    CHECK(ghosts.MemoryBytes() < keys * 18 + 8192);
    CHECK(TakeKeys(ghosts, next - keys * 9 / 10, next) > 0.97);
  }
  PushKeys(ghosts, next, next + 5000, 0);
  CHECK(TakeKeys(ghosts, next, next + 4000) == 0);
  CHECK(ghosts.MemoryBytes() <= 8192);
}

// Keys as the sketch knows them.
std::vector<std::uint32_t> SketchKeys(std::size_t count) {
  std::vector<std::uint32_t> keys;
  for (std::uint64_t i = 0; i < count; ++i) keys.push_back(FrequencySketch::KeyOf(i * i + 12345));
  return keys;
}

std::vector<unsigned> Estimates(const FrequencySketch& sketch,
                                const std::vector<std::uint32_t>& keys) {
  std::vector<unsigned> estimates;
  for (const std::uint32_t key : keys) estimates.push_back(sketch.Estimate(key));
  return estimates;
}

TEST_CASE("frequency sketch: before it ages, estimates are at least the count, and seldom more") {
  std::mt19937_64 random(testing::Seed());
  const std::vector<std::uint32_t> keys = SketchKeys(5000);
  FrequencySketch sketch(1'000'000);
  for (int i = 0; i < 20; ++i) sketch.Fit(keys.size());
  CHECK(Estimates(sketch, keys) == std::vector<unsigned>(keys.size(), 0));
  std::vector<unsigned> counts(keys.size());
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t key = random() % (random() % keys.size() + 1);
    sketch.Add(keys[key]);
    ++counts[key];
  }
  const std::vector<unsigned> estimates = Estimates(sketch, keys);
  std::size_t more = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const unsigned count = std::min(counts[i], FrequencySketch::kMost);
    CHECK(estimates[i] >= count);
    CHECK(estimates[i] <= FrequencySketch::kMost);
    if (estimates[i] > count) ++more;
  }
  CHECK(more < keys.size() / 10);
}

TEST_CASE("frequency sketch: all counts are halved after so many additions an entry") {
  const std::vector<std::uint32_t> keys = SketchKeys(65);
  for (const unsigned sample : {1U, 3U}) {
    CAPTURE(sample);
    FrequencySketch sketch(sample);  // of 256 entries at least
    sketch.Fit(10);
    std::size_t additions = 0;
    const auto add_until = [&](std::size_t end) {
      for (; additions < end; ++additions) sketch.Add(keys[additions % 64]);
    };
    // After that, half of the additions count as made.
    for (const std::size_t first : {std::size_t{256}, std::size_t{256 + 128}}) {
      add_until(sample * first - 1);
      const std::vector<unsigned> before = Estimates(sketch, keys);
      for (std::size_t i = 0; i < 64; ++i) CHECK(before[i] >= sample);
      sketch.Add(keys[64]);
      ++additions;
      const std::vector<unsigned> after = Estimates(sketch, keys);
      for (std::size_t i = 0; i < 64; ++i) {
        // Its last addition may be one to a counter of this key too.
        const bool halved = after[i] == before[i] / 2 || after[i] == (before[i] + 1) / 2;
        CHECK(halved);
      }
      CHECK(after[64] == (before[64] + 1) / 2);
    }
  }
}

TEST_CASE("frequency sketch: growing and shrinking keep the counts") {
  std::mt19937_64 random(testing::Seed());
  const std::vector<std::uint32_t> keys = SketchKeys(500);
  FrequencySketch sketch(1'000'000);
  const auto add = [&] {
    for (int i = 0; i < 1000; ++i) sketch.Add(keys[random() % (random() % keys.size() + 1)]);
  };
  add();
  const std::vector<unsigned> counts = Estimates(sketch, keys);
  const std::size_t bytes = sketch.MemoryBytes();
  for (int i = 0; i < 10; ++i) {
    sketch.Fit(100'000);  // one step a call
    CHECK(Estimates(sketch, keys) == counts);
  }
  CHECK(sketch.MemoryBytes() >= 100'000 * 8);
  CHECK(sketch.MemoryBytes() <= 100'000 * 16);
  for (int i = 0; i < 20; ++i) sketch.Fit(1);
  CHECK(Estimates(sketch, keys) == counts);
  CHECK(sketch.MemoryBytes() == bytes);
  // What was counted while it was large is not forgotten when it is small.
  for (int i = 0; i < 10; ++i) sketch.Fit(100'000);
  add();
  const std::vector<unsigned> large = Estimates(sketch, keys);
  for (int i = 0; i < 20; ++i) sketch.Fit(1);
  const std::vector<unsigned> small = Estimates(sketch, keys);
  for (std::size_t i = 0; i < keys.size(); ++i) CHECK(small[i] >= large[i]);
}

// Runs random requests through two instances of one policy, one of them just before its clock
// wraps, and expects the same victims.
template <class P, class... Args>
void CheckClockWrap(Args... args) {
  constexpr std::size_t kKeys = 200;
  constexpr std::size_t kCapacity = 60;
  struct Side {
    std::vector<PolicyNode> nodes = std::vector<PolicyNode>(kKeys);
    std::vector<bool> resident = std::vector<bool>(kKeys);
    std::unique_ptr<P> policy;
  };
  Side sides[2];
  for (Side& side : sides) {
    PolicyContext context;
    context.exact = true;
    context.hash = [&side](const PolicyNode& node) {
      return static_cast<std::uint64_t>(&node - side.nodes.data()) * 0x9e3779b97f4a7c15;
    };
    side.policy = std::make_unique<P>(context, args...);
  }
  std::mt19937_64 random(testing::Seed());
  for (int request = 0; request < 20000; ++request) {
    if (request == 5000) {
      // All times so far are below 5,000; from here on one side's lie 2^32 - 10,000 later.
      sides[1].policy->SetClockForTest(std::numeric_limits<std::uint32_t>::max() - 5000);
      sides[0].policy->SetClockForTest(1U << 20);
    }
    const std::size_t key = random() % (random() % kKeys + 1);
    std::size_t victims[2] = {kKeys, kKeys};
    for (int i = 0; i < 2; ++i) {
      Side& side = sides[i];
      if (side.resident[key]) {
        side.policy->Touch(side.nodes[key]);
        continue;
      }
      side.policy->Admit(side.nodes[key], key * 0x9e3779b97f4a7c15, 1);
      if (side.policy->size() >= kCapacity) {
        victims[i] = static_cast<std::size_t>(side.policy->Evict() - side.nodes.data());
        side.resident[victims[i]] = false;
      }
      side.policy->Insert(side.nodes[key]);
      side.resident[key] = true;
    }
    REQUIRE(victims[0] == victims[1]);
  }
}

TEST_CASE("clock: when 32 bits of time are used up the order is kept") {
  CheckClockWrap<Lru>();
  CheckClockWrap<Lfu>();
  CheckClockWrap<LruK>(std::size_t{1}, 1.0);
  CheckClockWrap<LruK>(std::size_t{2}, 1.0);
  CheckClockWrap<LruK>(std::size_t{4}, 2.0);
}

TEST_CASE("lfu: hits of one tick count up to sixteen, as a hot line is to be written seldom") {
  for (const bool exact : {false, true}) {
    CAPTURE(exact);
    PolicyContext context;
    context.exact = exact;
    Lfu lfu(context);
    PolicyNode node;
    lfu.Admit(node, 1, 1);
    lfu.Insert(node);
    for (int hit = 0; hit < 100; ++hit) lfu.Touch(node);
    CHECK(node.mark[0].load() == (exact ? 101 : 16));
  }
}

TEST_CASE("lirs: told of more than fits it finds out, and a scan takes none of what it keeps") {
  testing::PolicyDriver driver(
      [](const PolicyContext& context) { return std::make_unique<Lirs>(context, 0.01, 2.0); }, 5000,
      100, false);
  driver.policy().SetCapacity(1000);
  for (std::uint32_t key = 0; key < 5000; ++key) driver.Request(key);
  int kept = 0;
  for (std::uint32_t key = 0; key < 100; ++key) kept += driver.Resident(key) ? 1 : 0;
  CHECK(kept >= 90);
}

}  // namespace
}  // namespace kvcache
