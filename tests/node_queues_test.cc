// NodeQueues against std::deque.
#include "policy/node_queues.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "harness.h"

namespace kvcache {
namespace {

// Two queues of nodes, the oldest first.
using Model = std::array<std::deque<PolicyNode*>, 2>;

void CheckEqual(const NodeQueues& queues, const Model& model) {
  REQUIRE(queues.size() == model[0].size() + model[1].size());
  for (unsigned queue = 0; queue < 2; ++queue) {
    REQUIRE(queues.size(queue) == model[queue].size());
    REQUIRE(queues.Oldest(queue) == (model[queue].empty() ? nullptr : model[queue].front()));
    std::uint64_t weight = 0;
    for (const PolicyNode* node : model[queue]) {
      REQUIRE(queues.Has(*node));
      weight += WeightOf(*node);
    }
    REQUIRE(queues.weight(queue) == weight);
  }
}

class RandomSteps {
 public:
  explicit RandomSteps(std::size_t nodes) : nodes_(nodes) {}

  // `grow`: enter what is not there; else leave, mostly.
  void Step(bool grow) {
    PolicyNode& node = nodes_[random_() % nodes_.size()];
    const auto queue = static_cast<unsigned>(random_() % 2);
    const std::uint64_t action = random_() % 10;
    if (!queues_.Has(node)) {
      if (grow || action < 3) Push(queue, node);
    } else if (action < (grow ? 2U : 5U)) {
      Remove(node);
    } else if (!model_[queue].empty()) {
      Move(queue, action % 3);
    }
  }
  void Check() const { CheckEqual(queues_, model_); }
  // Takes all out, in their order.
  void Drain() {
    for (unsigned queue = 0; queue < 2; ++queue) {
      for (PolicyNode* node : model_[queue]) REQUIRE(queues_.RemoveOldest(queue) == node);
      REQUIRE(queues_.RemoveOldest(queue) == nullptr);
    }
  }

 private:
  void Push(unsigned queue, PolicyNode& node) {
    SetWeight(node, static_cast<std::uint32_t>(random_() % 1000));
    queues_.Push(queue, node);
    model_[queue].push_back(&node);
  }
  void Remove(PolicyNode& node) {
    queues_.Remove(node);
    for (auto& nodes : model_) std::erase(nodes, &node);
  }
  void Move(unsigned queue, std::uint64_t how) {
    auto& from = model_[queue];
    PolicyNode* oldest = from.front();
    if (how == 0) {
      queues_.Rotate(queue);
      from.pop_front();
      from.push_back(oldest);
    } else if (how == 1) {
      REQUIRE(queues_.MoveOldest(queue));
      from.pop_front();
      model_[1 - queue].push_back(oldest);
    } else if (PolicyNode& other = nodes_[random_() % nodes_.size()]; !queues_.Has(other)) {
      queues_.Replace(*oldest, other, static_cast<std::uint32_t>(random_() % 1000));
      from.front() = &other;
    }
  }

  std::mt19937_64 random_{testing::Seed()};
  std::vector<PolicyNode> nodes_;
  NodeQueues queues_;
  Model model_;
};

TEST_CASE("node queues: random operations do what they do to std::deque") {
  // About the places of a page, and many times as many.
  for (const std::size_t nodes : {3U, 700U, 6000U}) {
    RandomSteps steps(nodes);
    for (int step = 0; step < 60000; ++step) {
      steps.Step(step / 15000 % 2 == 0);  // in tides, so that arrays grow and shrink
      if (step % 500 == 0) steps.Check();
    }
    steps.Check();
    steps.Drain();
  }
}

// A place of 8 bytes for each node, an eighth more, and a page a queue.
std::size_t MostBytes(std::size_t nodes) { return 8 * (nodes + nodes / 8) + 3 * kPageSize; }

TEST_CASE("node queues: those that come and go in order cost little more than 8 bytes each") {
  std::vector<PolicyNode> nodes(50'000);
  NodeQueues queues;
  for (PolicyNode& node : nodes) queues.Push(0, node);
  CHECK(queues.MemoryBytes() <= MostBytes(nodes.size()));
  for (int i = 0; i < 1'000'000; ++i) {
    PolicyNode* oldest = queues.RemoveOldest(0);
    REQUIRE(oldest != nullptr);
    queues.Push(0, *oldest);
    queues.Rotate(0);
  }
  CHECK(queues.MemoryBytes() <= MostBytes(nodes.size()));
}

TEST_CASE("node queues: empty places in the middle are used again, and given back") {
  std::mt19937_64 random(testing::Seed());
  std::vector<PolicyNode> nodes(50'000);
  NodeQueues queues;
  for (PolicyNode& node : nodes) queues.Push(0, node);
  const std::size_t full = queues.MemoryBytes();
  for (int i = 0; i < 500'000; ++i) {
    PolicyNode& node = nodes[random() % nodes.size()];
    queues.Remove(node);
    queues.Push(0, node);
  }
  CHECK(queues.MemoryBytes() <= full + full / 4);
  std::vector<PolicyNode*> leaving;
  for (PolicyNode& node : nodes) leaving.push_back(&node);
  std::ranges::shuffle(leaving, random);
  for (std::size_t i = 10; i < leaving.size(); ++i) queues.Remove(*leaving[i]);
  CHECK(queues.size() == 10);
  CHECK(queues.MemoryBytes() <= 5 * kPageSize);
  for (std::size_t i = 0; i < 10; ++i) CHECK(queues.Has(*leaving[i]));
}

}  // namespace
}  // namespace kvcache
