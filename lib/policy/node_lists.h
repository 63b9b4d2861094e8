// The order keeper of policies that keep queues: doubly linked lists of nodes.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "kvcache/policy.h"
#include "policy/node_weight.h"
#include "policy/ring_lists.h"

namespace kvcache {

// A node in a list needs no more of its own than its slot's number, in `position`. 16 bytes a
// node.
//
// Not thread-safe. At most 2^32 - 2 nodes.
class NodeLists {
 public:
  static constexpr unsigned kLists = kMostRingLists;

  std::size_t size() const { return lists_.size(); }
  std::size_t size(unsigned list) const { return lists_.size(list); }
  std::uint64_t weight(unsigned list) const { return lists_.weight(list); }
  std::size_t MemoryBytes() const { return lists_.MemoryBytes(); }

  // Null when the list is empty.
  PolicyNode* Oldest(unsigned list) const { return lists_[lists_.Oldest(list)].node(); }
  // The next younger node of the same list; null after the newest.
  PolicyNode* Newer(const PolicyNode& node) const {
    return lists_[lists_.Newer(node.position)].node();
  }
  unsigned ListOf(const PolicyNode& node) const { return lists_[node.position].list(); }
  // False for nodes that are in no list.
  bool Has(const PolicyNode& node) const {
    return lists_.Has(node.position) && lists_[node.position].node() == &node;
  }

  // Enters a node, whose weight has been set, as the newest of a list.
  void Push(unsigned list, PolicyNode& node) {
    const std::uint32_t number = lists_.NewSlot();
    lists_[number].set_node(&node);
    node.position = number;
    lists_.Push(list, number);
  }
  void Remove(PolicyNode& node) {
    assert(Has(node));
    lists_.Remove(node.position,
                  [this](std::uint32_t, std::uint32_t to) { lists_[to].node()->position = to; });
  }
  // Takes out the oldest; null when the list is empty.
  PolicyNode* RemoveOldest(unsigned list) {
    PolicyNode* oldest = Oldest(list);
    if (oldest != nullptr) Remove(*oldest);
    return oldest;
  }
  // Makes a node the newest of this list, whichever it was in.
  void MoveTo(unsigned list, PolicyNode& node) {
    assert(Has(node));
    lists_.MoveTo(list, node.position);
  }
  // Makes the oldest node the newest; writes no node and no slot.
  void Rotate(unsigned list) { lists_.Rotate(list); }

  // `now` takes the place of `old`.
  void Replace(const PolicyNode& old, PolicyNode& now, std::uint32_t weight) {
    assert(Has(old));
    SetWeight(now, weight);
    lists_.ChangeWeight(ListOf(old), WeightOf(old), weight);
    now.position = old.position;
    lists_[now.position].set_node(&now);
  }

 private:
  struct Slot {
    std::uint64_t node_and_list;  // the list in the bits that no address has
    std::uint32_t newer;
    std::uint32_t older;

    PolicyNode* node() const { return reinterpret_cast<PolicyNode*>(node_and_list & kAddress); }
    void set_node(const PolicyNode* node) {
      node_and_list = (node_and_list & ~kAddress) | reinterpret_cast<std::uintptr_t>(node);
    }
    unsigned list() const { return static_cast<unsigned>(node_and_list >> kAddressBits); }
    void set_list(unsigned list) {
      node_and_list = (node_and_list & kAddress) | (std::uint64_t{list} << kAddressBits);
    }
    std::uint32_t weight() const { return node() == nullptr ? 0 : WeightOf(*node()); }
    void Clear() { set_node(nullptr); }
  };
  static_assert(sizeof(Slot) == 16);
  static constexpr unsigned kAddressBits = 60;
  static constexpr std::uint64_t kAddress = (std::uint64_t{1} << kAddressBits) - 1;

  RingLists<Slot> lists_;
};

}  // namespace kvcache
