// What policies are made of: the lazy heap, the history of evicted keys, the clock's wrap.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "harness.h"
#include "policy/history.h"
#include "policy/lazy_heap.h"
#include "policy/lfu.h"
#include "policy/lru.h"
#include "policy/lru_k.h"

namespace kvcache {
namespace {

TEST_CASE("lazy heap: the top is always the least recorded rank") {
  std::mt19937_64 random(testing::Seed());
  LazyHeap<> heap;
  std::vector<PolicyNode> nodes(500);
  std::map<PolicyNode*, std::uint64_t> ranks;
  for (int step = 0; step < 50000; ++step) {
    PolicyNode& node = nodes[random() % nodes.size()];
    const std::uint64_t rank = random() % 1000;
    if (!ranks.contains(&node)) {
      heap.Push(node, rank);
      ranks[&node] = rank;
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

}  // namespace
}  // namespace kvcache
