// The order keeper of policies that keep queues: doubly linked lists of nodes.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/pages.h"
#include "kvcache/policy.h"

namespace kvcache {

// Up to kLists lists over one array of 16-byte slots, so that a link is 32 bits wide and a node in
// a list needs no more of its own than its slot's number, in `position`. A list is a ring: its
// newest node follows its oldest. Each knows the total weight of its nodes; a node's weight is kept
// in mark[1], which hits must leave alone.
//
// Not thread-safe. At most 2^32 - 2 nodes.
class NodeLists {
 public:
  static constexpr unsigned kLists = 15;

  NodeLists() { slots_.resize(1); }

  std::size_t size() const { return size_; }
  std::size_t size(unsigned list) const { return lists_[list].size; }
  std::uint64_t weight(unsigned list) const { return lists_[list].weight; }
  std::size_t MemoryBytes() const { return slots_.capacity_bytes(); }

  // Null when the list is empty.
  PolicyNode* Newest(unsigned list) const { return slots_[lists_[list].newest].node(); }
  PolicyNode* Oldest(unsigned list) const {
    return slots_[slots_[lists_[list].newest].newer].node();
  }
  // The next younger node of the same list; null after the newest.
  PolicyNode* Newer(const PolicyNode& node) const {
    const Slot& slot = slots_[node.position];
    if (node.position == lists_[slot.list()].newest) return nullptr;
    return slots_[slot.newer].node();
  }
  unsigned ListOf(const PolicyNode& node) const { return slots_[node.position].list(); }
  // False for nodes that are in no list.
  bool Has(const PolicyNode& node) const {
    return node.position < slots_.size() && slots_[node.position].node() == &node;
  }

  static std::uint32_t WeightOf(const PolicyNode& node) {
    return node.mark[1].load(std::memory_order_relaxed);
  }
  static void SetWeight(PolicyNode& node, std::uint32_t weight) {
    node.mark[1].store(weight, std::memory_order_relaxed);
  }

  // Enters a node, whose weight has been set, as the newest of a list.
  void Push(unsigned list, PolicyNode& node) {
    const std::uint32_t number = NewSlot();
    slots_[number].set_node(&node);
    node.position = number;
    Link(list, number);
    ++size_;
  }
  void Remove(PolicyNode& node) {
    assert(Has(node));
    const std::uint32_t number = node.position;
    Unlink(number);
    FreeSlot(number);
    --size_;
    // Two a removal, so that the array shrinks as fast as nodes leave.
    for (int i = 0; i < 2 && lists_[kFree].size > size_ / 2 + kSpare; ++i) GiveUpLastSlot();
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
    const std::uint32_t number = node.position;
    if (lists_[list].newest == number) return;
    Unlink(number);
    Link(list, number);
  }
  // Makes the oldest node the newest; writes no node and no slot.
  void Rotate(unsigned list) { lists_[list].newest = slots_[lists_[list].newest].newer; }

  // `now` takes the place of `old` and has its weight.
  void Replace(const PolicyNode& old, PolicyNode& now) {
    assert(Has(old));
    SetWeight(now, WeightOf(old));
    now.position = old.position;
    slots_[now.position].set_node(&now);
  }

 private:
  // Links are rings: newer of the newest is the oldest. Slot 0 is what empty lists point to.
  struct Slot {
    std::uint64_t node_and_list;  // the list in the bits that no address has
    std::uint32_t newer;
    std::uint32_t older;

    PolicyNode* node() const { return reinterpret_cast<PolicyNode*>(node_and_list & kAddress); }
    unsigned list() const { return static_cast<unsigned>(node_and_list >> kAddressBits); }
    void set_node(const PolicyNode* node) {
      node_and_list = (node_and_list & ~kAddress) | reinterpret_cast<std::uintptr_t>(node);
    }
    void set_list(unsigned list) {
      node_and_list = (node_and_list & kAddress) | (std::uint64_t{list} << kAddressBits);
    }
  };
  static_assert(sizeof(Slot) == 16);
  static constexpr unsigned kAddressBits = 60;
  static constexpr std::uint64_t kAddress = (std::uint64_t{1} << kAddressBits) - 1;

  struct List {
    std::uint32_t newest = 0;
    std::uint32_t size = 0;
    std::uint64_t weight = 0;
  };

  static constexpr unsigned kFree = kLists;  // the list of free slots
  static constexpr std::size_t kSpare = 64;

  std::uint32_t WeightAt(std::uint32_t number) const {
    const PolicyNode* node = slots_[number].node();
    return node == nullptr ? 0 : WeightOf(*node);
  }

  void Link(unsigned list, std::uint32_t number) {
    List& entered = lists_[list];
    Slot& slot = slots_[number];
    slot.set_list(list);
    if (entered.newest == 0) {
      slot.newer = slot.older = number;
    } else {
      Slot& newest = slots_[entered.newest];
      slot.newer = newest.newer;
      slot.older = entered.newest;
      slots_[newest.newer].older = number;
      newest.newer = number;
    }
    entered.newest = number;
    ++entered.size;
    entered.weight += WeightAt(number);
  }

  void Unlink(std::uint32_t number) {
    const Slot& slot = slots_[number];
    List& left = lists_[slot.list()];
    slots_[slot.older].newer = slot.newer;
    slots_[slot.newer].older = slot.older;
    if (left.newest == number) left.newest = slot.older;
    --left.size;
    if (left.size == 0) left.newest = 0;
    // A weight that was overwritten since must not make the sum wrap round.
    const std::uint64_t weight = WeightAt(number);
    left.weight = left.size == 0 || left.weight < weight ? 0 : left.weight - weight;
  }

  std::uint32_t NewSlot() {
    if (spare_ != 0) return std::exchange(spare_, 0);
    const std::uint32_t free = lists_[kFree].newest;
    if (free != 0) {
      Unlink(free);
      return free;
    }
    slots_.push_back({});
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }

  void FreeSlot(std::uint32_t number) {
    slots_[number].set_node(nullptr);
    if (const std::uint32_t before = std::exchange(spare_, number); before != 0) {
      Link(kFree, before);
    }
  }

  // Moves what lies in the last slot into a free one.
  void GiveUpLastSlot() {
    const auto last = static_cast<std::uint32_t>(slots_.size() - 1);
    if (last == spare_) {
      spare_ = 0;
    } else if (slots_[last].list() == kFree) {
      Unlink(last);
    } else {
      MoveSlot(last, NewSlot());
    }
    slots_.pop_back();
    if (slots_.size() * sizeof(Slot) < slots_.capacity_bytes() / 2) slots_.shrink_to_fit();
  }

  void MoveSlot(std::uint32_t from, std::uint32_t to) {
    Slot& moved = slots_[to];
    moved = slots_[from];
    List& list = lists_[moved.list()];
    if (moved.newer == from) {  // alone in its list
      moved.newer = moved.older = to;
    } else {
      slots_[moved.newer].older = to;
      slots_[moved.older].newer = to;
    }
    if (list.newest == from) list.newest = to;
    moved.node()->position = to;
  }

  PageVector<Slot> slots_;
  std::array<List, kLists + 1> lists_;
  std::uint32_t spare_ = 0;  // the slot freed last, in no list: the next node will take it
  std::size_t size_ = 0;
};

}  // namespace kvcache
