// What every policy owes its owner, whatever its order is.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"
#include "support/policy_driver.h"
#include "support/random_trace.h"
#include "support/sample_policies.h"
#include "support/text.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kNodes = 200;

// A policy, nodes for it, and the set of those that it must have.
class Stage {
 public:
  Stage(const std::string& spec, bool exact, std::size_t count = kNodes) : nodes_(count) {
    PolicyContext context;
    context.hash = [this](const PolicyNode& node) { return HashOfKey(Number(node)); };
    context.exact = exact;
    const auto parsed = ParsePolicy(spec);
    REQUIRE_MESSAGE(parsed, Text(parsed.error()));
    policy_ = parsed->Make(context);
    policy_->SetCapacity(count);
  }

  Policy& policy() { return *policy_; }
  PolicyNode& node(std::size_t number) { return nodes_[number]; }
  std::size_t Number(const PolicyNode& node) const {
    return static_cast<std::size_t>(&node - nodes_.data());
  }
  bool has(std::size_t number) const { return members_.contains(number); }
  const std::set<std::size_t>& members() const { return members_; }

  void Insert(std::size_t number) {
    policy_->Admit(node(number), HashOfKey(number), 1);
    policy_->Insert(node(number));
    members_.insert(number);
    CheckSize();
  }
  void Erase(std::size_t number) {
    policy_->Erase(node(number));
    members_.erase(number);
    CheckSize();
  }
  // The number of the node that came out, which must have been in; -1 when none did.
  int Out(PolicyNode* node) {
    if (node == nullptr) return -1;
    if (members_.erase(Number(*node)) == 0) FAIL_CHECK("a node came out that was not in");
    CheckSize();
    return static_cast<int>(Number(*node));
  }
  int Evict() { return Out(policy_->Evict()); }
  int Drain() { return Out(policy_->Drain()); }

  void SettleAll(std::size_t slice = kNodes) {
    std::size_t from = 0;
    std::size_t slices = 0;
    do {
      from = policy_->Settle(from, slice);
      if (++slices > nodes_.size() + 1) FAIL("Settle never ends");
    } while (from != 0);
  }

  // One random step of a cache's life; the same for the same random numbers.
  void RandomStep(Random& random) {
    const std::size_t number = Below(random, nodes_.size());
    const std::uint32_t what = Below(random, 10);
    if (!has(number)) {
      if (what < 8) Insert(number);
      if (what == 9) Evict();
    } else if (what < 7) {
      policy_->Touch(node(number));
    } else if (what == 7) {
      Erase(number);
    } else if (what == 8) {
      Evict();
    } else {
      policy_->Repair(32);
    }
  }

  std::vector<int> TakeAll(int (Stage::*take)()) {
    std::vector<int> order;
    for (int number = (this->*take)(); number >= 0; number = (this->*take)()) {
      order.push_back(number);
      if (order.size() > nodes_.size()) FAIL("nodes come out without end");
    }
    CHECK(members_.empty());
    return order;
  }

 private:
  void CheckSize() {
    if (policy_->size() != members_.size()) FAIL_CHECK("size() is wrong");
  }

  std::vector<PolicyNode> nodes_;
  std::set<std::size_t> members_;
  std::unique_ptr<Policy> policy_;
};

// Every registered policy, the sample ones among them, and built-in ones with other parameters.
std::vector<std::string> Specs() {
  static const bool kRegistered = RegisterSamplePolicies().has_value();
  REQUIRE(kRegistered);
  std::vector<std::string> specs = {"lru-k:k=1", "lru-k:k=3", "lru-k:k=2,history=0",
                                    "lru-k:k=7,history=4"};
  for (const PolicyInfo& info : RegisteredPolicies()) specs.push_back(info.name);
  return specs;
}

void ForEach(const std::function<void(const std::string& spec, bool exact)>& check) {
  for (const std::string& spec : Specs()) {
    for (const bool exact : {true, false}) {
      CAPTURE(spec);
      CAPTURE(exact);
      check(spec, exact);
    }
  }
}

TEST_CASE("an empty policy gives nothing out") {
  ForEach([](const std::string& spec, bool exact) {
    Stage stage(spec, exact);
    CHECK(stage.policy().size() == 0);
    CHECK(stage.Evict() == -1);
    CHECK(stage.Drain() == -1);
    CHECK(stage.policy().Settle(0, 10) == 0);
    stage.policy().Repair(32);
  });
}

TEST_CASE("nodes go in and out exactly once, through thousands of random steps") {
  ForEach([](const std::string& spec, bool exact) {
    Stage stage(spec, exact);
    Random random(Seed());
    for (int i = 0; i < 20'000; ++i) stage.RandomStep(random);
    const std::size_t left = stage.members().size();
    CHECK(stage.TakeAll(&Stage::Evict).size() == left);
  });
}

TEST_CASE("drained after settling, nodes come out in the order of evictions, coldest first") {
  for (const std::string& spec : Specs()) {
    for (const std::size_t slice : {std::size_t{1}, std::size_t{7}, kNodes}) {
      CAPTURE(spec);
      CAPTURE(slice);
      Stage evicted(spec, true);
      Stage drained(spec, true);
      for (Stage* stage : {&evicted, &drained}) {
        Random random(Seed());
        for (int i = 0; i < 5000; ++i) stage->RandomStep(random);
      }
      drained.SettleAll(slice);
      CHECK(evicted.TakeAll(&Stage::Evict) == drained.TakeAll(&Stage::Drain));
    }
  }
}

TEST_CASE("settling goes on while nodes come, go and are hit between the slices") {
  ForEach([](const std::string& spec, bool exact) {
    Stage stage(spec, exact);
    Random random(Seed());
    for (int i = 0; i < 2000; ++i) stage.RandomStep(random);
    std::size_t from = 0;
    for (int slice = 0; slice < 100; ++slice) {
      from = stage.policy().Settle(from, 9);
      for (int i = 0; i < 20; ++i) stage.RandomStep(random);
    }
    const std::size_t left = stage.members().size();
    CHECK(stage.TakeAll(&Stage::Drain).size() == left);
  });
}

TEST_CASE("a node that takes another's place has its rank") {
  for (const std::string& spec : Specs()) {
    CAPTURE(spec);
    Stage plain(spec, true, 2 * kNodes);
    Stage moved(spec, true, 2 * kNodes);
    for (Stage* stage : {&plain, &moved}) {
      Random random(Seed());
      for (std::size_t i = 0; i < kNodes; ++i) stage->Insert(i);
      for (std::size_t i = 0; i < 1000; ++i) {
        stage->policy().Touch(stage->node(Below(random, kNodes)));
      }
    }
    for (std::size_t i = 0; i < kNodes; i += 2) {
      moved.policy().Replace(moved.node(i), moved.node(kNodes + i), 1);
    }
    CHECK(moved.policy().size() == kNodes);
    for (std::size_t i = 0; i < kNodes; ++i) {
      const PolicyNode* before = plain.policy().Evict();
      const PolicyNode* after = moved.policy().Evict();
      REQUIRE(before != nullptr);
      REQUIRE(after != nullptr);
      const std::size_t number = plain.Number(*before);
      if (moved.Number(*after) != number + (number % 2 == 0 ? kNodes : 0)) {
        FAIL("eviction " << i << " differs");
      }
    }
  }
}

TEST_CASE("a hit on a node that has just left is harmless") {
  ForEach([](const std::string& spec, bool exact) {
    Stage stage(spec, exact);
    Random random(Seed());
    for (int i = 0; i < 5000; ++i) {
      stage.RandomStep(random);
      const std::size_t number = Below(random, kNodes);
      if (!stage.has(number)) stage.policy().Touch(stage.node(number));
    }
    const std::size_t left = stage.members().size();
    CHECK(stage.TakeAll(&Stage::Evict).size() == left);
  });
}

TEST_CASE("whatever the marks hold, no policy asserts, loops or loses a node") {
  ForEach([](const std::string& spec, bool exact) {
    Stage stage(spec, exact);
    Random random(Seed());
    for (int i = 0; i < 20'000; ++i) {
      stage.RandomStep(random);
      PolicyNode& node = stage.node(Below(random, kNodes));
      const auto garbage = static_cast<std::uint32_t>(random());
      node.mark[Below(random, 2)] = Below(random, 2) == 0 ? garbage : 0 - Below(random, 3);
    }
    const std::size_t left = stage.members().size();
    CHECK(stage.TakeAll(&Stage::Evict).size() == left);
  });
}

TEST_CASE("nodes whose marks are the largest there are leave too") {
  ForEach([](const std::string& spec, bool exact) {
    Stage stage(spec, exact);
    for (std::size_t i = 0; i < kNodes; ++i) {
      stage.Insert(i);
      for (auto& mark : stage.node(i).mark) mark = ~std::uint32_t{0};
    }
    CHECK(stage.TakeAll(&Stage::Evict).size() == kNodes);
  });
}

TEST_CASE("a count that cannot grow any more stays, and does not begin anew") {
  for (const char* spec : {"lfu", "lfu-da", "gdsf"}) {
    CAPTURE(spec);
    Stage stage(spec, true);
    stage.Insert(0);
    stage.Insert(1);
    stage.node(0).mark[0] = ~std::uint32_t{0};
    stage.policy().Touch(stage.node(0));
    CHECK(stage.Evict() == 1);
  }
}

// As a live switch does it: hits already mark for the new policy while the old one is emptied.
TEST_CASE(
    "nodes move from policy to policy while the new one's hits overwrite the old one's marks") {
  for (const std::string& from : Specs()) {
    for (const std::string& to : Specs()) {
      CAPTURE(from);
      CAPTURE(to);
      Stage stage(from, false);
      PolicyContext context;
      context.hash = [&](const PolicyNode& node) { return HashOfKey(stage.Number(node)); };
      const auto next = ParsePolicy(to)->Make(context);
      next->SetCapacity(kNodes);
      Random random(Seed());
      const auto hit = [&] { next->Touch(stage.node(Below(random, kNodes))); };
      for (int i = 0; i < 2000; ++i) stage.RandomStep(random);
      const std::size_t count = stage.members().size();
      for (int i = 0; i < 500; ++i) hit();
      stage.SettleAll(16);
      for (int number = stage.Drain(); number >= 0; number = stage.Drain()) {
        PolicyNode& node = stage.node(static_cast<std::size_t>(number));
        next->Admit(node, HashOfKey(static_cast<std::size_t>(number)), 1);
        next->Insert(node);
        hit();
      }
      CHECK(next->size() == count);
      std::set<PolicyNode*> seen;
      while (PolicyNode* node = next->Evict()) {
        if (!seen.insert(node).second) FAIL("a node came out twice");
      }
      CHECK(seen.size() == count);
    }
  }
}

TEST_CASE(
    "in the memory tier an eviction passes over 128 nodes that were hit, and takes the next") {
  for (const char* spec : {"clock", "sieve"}) {
    CAPTURE(spec);
    Stage stage(spec, false);
    for (std::size_t i = 0; i < kNodes; ++i) stage.Insert(i);
    for (std::size_t i = 0; i < kNodes; ++i) stage.policy().Touch(stage.node(i));
    CHECK(stage.Evict() == 128);
  }
}

TEST_CASE("weights of any size are accepted") {
  ForEach([](const std::string& spec, bool exact) {
    Stage stage(spec, exact);
    for (const std::uint32_t weight : {0U, 1U, 1U << 31, ~0U}) {
      stage.policy().Admit(stage.node(weight % 7), weight, weight);
      stage.policy().Insert(stage.node(weight % 7));
      CHECK(stage.policy().Evict() == &stage.node(weight % 7));
    }
  });
}

TEST_CASE("a policy's memory is a few bytes a node, and is given back") {
  ForEach([](const std::string& spec, bool exact) {
    constexpr std::size_t kMany = 20'000;
    constexpr std::size_t kSlack = std::size_t{64} << 10;
    Stage stage(spec, exact, 2 * kMany);
    const std::size_t empty = stage.policy().MemoryBytes();
    CHECK(empty <= kSlack);
    for (std::size_t i = 0; i < kMany; ++i) stage.Insert(i);
    CHECK(stage.policy().MemoryBytes() >= empty);
    CHECK(stage.policy().MemoryBytes() <= kSlack + 160 * kMany);
    for (std::size_t i = 0; i < kMany; ++i) stage.Erase(i);
    CHECK(stage.policy().MemoryBytes() <= kSlack + empty + 48 * kMany);
  });
}

TEST_CASE("lru-k takes 64 bytes a node, its part of the entry included, 96 with a full history") {
  constexpr std::size_t kMany = 100'000;
  constexpr std::size_t kSlack = std::size_t{64} << 10;
  for (const bool history : {false, true}) {
    CAPTURE(history);
    const std::string spec = history ? "lru-k:k=2,history=1" : "lru-k:k=2,history=0";
    Stage stage(spec, false, 3 * kMany);
    for (std::size_t i = 0; i < kMany; ++i) stage.Insert(i);
    for (std::size_t i = kMany; i < 3 * kMany; ++i) {
      stage.Evict();
      stage.Insert(i);
    }
    const std::size_t bytes = stage.policy().MemoryBytes() + kMany * sizeof(PolicyNode);
    CHECK(bytes <= (history ? 96 : 64) * kMany + kSlack);
  }
}

TEST_CASE("hits from other threads beside everything else") {
  for (const PolicyInfo& info : RegisteredPolicies()) {
    if (info.touch_needs_lock) continue;
    for (const std::string& spec : {info.name, std::string("lru-k:k=3")}) {
      CAPTURE(spec);
      Stage stage(spec, false);
      std::atomic<bool> stop{false};
      std::vector<std::jthread> hitters;
      for (std::uint64_t number = 0; number < 2; ++number) {
        hitters.emplace_back([&, number] {
          Random random(Seed() + number + 1);
          while (!stop) stage.policy().Touch(stage.node(Below(random, kNodes)));
        });
      }
      Random random(Seed());
      for (int i = 0; i < 20'000; ++i) stage.RandomStep(random);
      const std::size_t left = stage.members().size();
      CHECK(stage.TakeAll(&Stage::Evict).size() == left);
      stop = true;
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
