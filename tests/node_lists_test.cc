// NodeLists against std::list.
#include "policy/node_lists.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <list>
#include <random>
#include <vector>

#include "harness.h"
#include "policy/node_queues.h"

namespace kvcache {
namespace {

// Several lists of nodes, the oldest first.
class Model {
 public:
  using Nodes = std::list<PolicyNode*>;

  const Nodes& operator[](unsigned list) const { return lists_[list]; }
  std::size_t size() const {
    std::size_t size = 0;
    for (const Nodes& nodes : lists_) size += nodes.size();
    return size;
  }

  void Push(unsigned list, PolicyNode& node) { lists_[list].push_back(&node); }
  void Remove(PolicyNode& node) {
    for (Nodes& nodes : lists_) nodes.remove(&node);
  }
  void Rotate(unsigned list) {
    Nodes& nodes = lists_[list];
    if (!nodes.empty()) nodes.splice(nodes.end(), nodes, nodes.begin());
  }
  void Replace(PolicyNode& old, PolicyNode& now) {
    for (Nodes& nodes : lists_) std::ranges::replace(nodes, &old, &now);
  }

 private:
  std::array<Nodes, NodeLists::kLists> lists_;
};

void CheckEqual(const NodeLists& lists, const Model& model) {
  REQUIRE(lists.size() == model.size());
  for (unsigned list = 0; list < NodeLists::kLists; ++list) {
    const Model::Nodes& expected = model[list];
    REQUIRE(lists.size(list) == expected.size());
    std::uint64_t weight = 0;
    const PolicyNode* at = lists.Oldest(list);
    for (const PolicyNode* node : expected) {
      REQUIRE(at == node);
      REQUIRE(lists.Has(*at));
      REQUIRE(lists.ListOf(*at) == list);
      weight += WeightOf(*at);
      at = lists.Newer(*at);
    }
    REQUIRE(at == nullptr);
    REQUIRE(lists.weight(list) == weight);
  }
}

TEST_CASE("node lists: random operations do what they do to std::list") {
  std::mt19937_64 random(testing::Seed());
  NodeLists lists;
  Model model;
  std::vector<PolicyNode> nodes(1500);
  for (int step = 0; step < 60000; ++step) {
    const bool grow = step / 10000 % 2 == 0;  // in tides, so that slots are given back
    PolicyNode& node = nodes[random() % nodes.size()];
    // Most nodes in few lists, and some in all.
    const auto list = static_cast<unsigned>(random() % (random() % NodeLists::kLists + 1));
    const std::uint64_t action = random() % 10;
    if (!lists.Has(node)) {
      if (grow || action < 3) {
        SetWeight(node, static_cast<std::uint32_t>(random() % 1000));
        lists.Push(list, node);
        model.Push(list, node);
      }
    } else if (action < (grow ? 2 : 5)) {
      lists.Remove(node);
      model.Remove(node);
      REQUIRE(!lists.Has(node));
    } else if (action < 7) {
      lists.MoveTo(list, node);
      model.Remove(node);
      model.Push(list, node);
    } else if (action < 8) {
      lists.Rotate(list);
      model.Rotate(list);
    } else {
      PolicyNode& other = nodes[random() % nodes.size()];
      if (lists.Has(other)) continue;
      const auto weight = static_cast<std::uint32_t>(random() % 1000);
      lists.Replace(node, other, weight);
      model.Replace(node, other);
      REQUIRE(!lists.Has(node));
    }
    REQUIRE(lists.size() == model.size());
    if (step % 50 == 0) CheckEqual(lists, model);
  }
  CheckEqual(lists, model);
}

TEST_CASE("node lists: an empty list, and a list of one") {
  NodeLists lists;
  PolicyNode node;
  CHECK(lists.Oldest(3) == nullptr);
  lists.Rotate(3);
  CHECK(!lists.Has(node));
  SetWeight(node, 7);
  lists.Push(3, node);
  lists.Rotate(3);
  lists.MoveTo(3, node);
  CHECK(lists.Oldest(3) == &node);
  CHECK(lists.Newer(node) == nullptr);
  lists.MoveTo(14, node);
  CHECK(lists.Oldest(3) == nullptr);
  CHECK(lists.weight(3) == 0);
  CHECK(lists.weight(14) == 7);
  CHECK(lists.ListOf(node) == 14);
}

TEST_CASE_TEMPLATE("a weight that was overwritten since does not make the sum wrap round", Lists,
                   NodeLists, NodeQueues) {
  Lists lists;
  std::vector<PolicyNode> nodes(3);
  for (PolicyNode& node : nodes) {
    SetWeight(node, 5);
    lists.Push(0, node);
  }
  SetWeight(nodes[0], 1000);
  lists.Remove(nodes[0]);
  CHECK(lists.weight(0) <= 15);
  SetWeight(nodes[1], 0);
  lists.Remove(nodes[1]);
  lists.Remove(nodes[2]);
  CHECK(lists.weight(0) == 0);
}

// Slots of 16 bytes; half as many free ones as there are nodes may be kept, and as much again in
// pages.
void CheckMemory(const NodeLists& lists) {
  CHECK(lists.MemoryBytes() <= 2 * 16 * (lists.size() + lists.size() / 2 + 70) + 4096);
  CHECK(lists.MemoryBytes() >= 16 * lists.size());
}

TEST_CASE("node lists: slots are given back, in whichever order nodes leave") {
  std::mt19937_64 random(testing::Seed());
  std::vector<PolicyNode> nodes(50'000);
  for (int order = 0; order < 3; ++order) {
    CAPTURE(order);
    NodeLists lists;
    for (PolicyNode& node : nodes) {
      SetWeight(node, 1);
      lists.Push(0, node);
    }
    CheckMemory(lists);
    std::vector<PolicyNode*> leaving;
    for (PolicyNode& node : nodes) leaving.push_back(&node);
    if (order == 1) std::ranges::reverse(leaving);
    if (order == 2) std::ranges::shuffle(leaving, random);
    for (std::size_t i = 0; i + 10 < leaving.size(); ++i) {
      lists.Remove(*leaving[i]);
      if (i % 1000 == 0) CheckMemory(lists);
    }
    CHECK(lists.size() == 10);
    CHECK(lists.MemoryBytes() <= 4096);
    CHECK(lists.weight(0) == 10);
    for (std::size_t i = leaving.size() - 10; i < leaving.size(); ++i) {
      CHECK(lists.Has(*leaving[i]));
    }
  }
}

}  // namespace
}  // namespace kvcache
