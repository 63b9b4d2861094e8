// Doubly linked lists whose links are numbers of slots in one array.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/pages.h"
#include "policy/node_weight.h"

namespace kvcache {

inline constexpr unsigned kMostRingLists = 15;

// Up to kMostRingLists lists over one array of slots, so that a link is 32 bits wide. A list is a
// ring: its newest slot is followed by its oldest. Each knows the total weight of what is in it.
//
// A Slot has public links `newer` and `older`, which are ours, room for a list's number (list(),
// set_list()), a weight(), and Clear(), after which it has none.
//
// Not thread-safe. At most 2^32 - 2 slots.
template <class Slot>
class RingLists {
 public:
  static constexpr std::uint32_t kNone = 0;  // what empty lists point to

  RingLists() { slots_.resize(1); }

  std::size_t size() const { return size_; }
  std::size_t size(unsigned list) const { return lists_[list].size; }
  std::uint64_t weight(unsigned list) const { return lists_[list].weight; }
  std::size_t MemoryBytes() const { return slots_.capacity_bytes(); }

  Slot& operator[](std::uint32_t number) { return slots_[number]; }
  const Slot& operator[](std::uint32_t number) const { return slots_[number]; }
  bool Has(std::uint32_t number) const { return number < slots_.size(); }

  // kNone when the list is empty.
  std::uint32_t Oldest(unsigned list) const { return slots_[lists_[list].newest].newer; }
  // The next younger of the same list; kNone after the newest.
  std::uint32_t Newer(std::uint32_t number) const {
    const Slot& slot = slots_[number];
    return number == lists_[slot.list()].newest ? kNone : slot.newer;
  }

  // A slot in no list, to be filled and pushed.
  std::uint32_t NewSlot() {
    if (spare_ != kNone) return std::exchange(spare_, kNone);
    const std::uint32_t free = lists_[kFree].newest;
    if (free != kNone) {
      Unlink(free);
      return free;
    }
    slots_.push_back({});
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  // Makes a new slot, which has been filled, the newest of a list.
  void Push(unsigned list, std::uint32_t number) {
    Link(list, number);
    ++size_;
  }
  // Frees a slot. The array shrinks as fast as slots leave, by moving others: `moved(from, to)`.
  template <class Moved>
  void Remove(std::uint32_t number, Moved&& moved) {
    Unlink(number);
    slots_[number].Clear();
    if (const std::uint32_t before = std::exchange(spare_, number); before != kNone) {
      Link(kFree, before);
    }
    --size_;
    for (int i = 0; i < 2 && lists_[kFree].size > size_ / 2 + kSpare; ++i) GiveUpLastSlot(moved);
  }
  // Makes a slot the newest of this list, whichever it was in.
  void MoveTo(unsigned list, std::uint32_t number) {
    if (lists_[list].newest == number) return;
    Unlink(number);
    Link(list, number);
  }
  // A slot of this list, which it is not empty of, is about to have another weight.
  void ChangeWeight(unsigned list, std::uint32_t from, std::uint32_t to) {
    lists_[list].weight = Without(from, lists_[list].weight, lists_[list].size) + to;
  }
  // Makes the oldest the newest; writes no slot.
  void Rotate(unsigned list) { lists_[list].newest = slots_[lists_[list].newest].newer; }

 private:
  struct List {
    std::uint32_t newest = kNone;
    std::uint32_t size = 0;
    std::uint64_t weight = 0;
  };

  static constexpr unsigned kFree = kMostRingLists;  // the list of free slots
  static constexpr std::size_t kSpare = 64;

  void Link(unsigned list, std::uint32_t number) {
    List& entered = lists_[list];
    Slot& slot = slots_[number];
    slot.set_list(list);
    if (entered.newest == kNone) {
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
    entered.weight += slot.weight();
  }

  void Unlink(std::uint32_t number) {
    const Slot& slot = slots_[number];
    List& left = lists_[slot.list()];
    slots_[slot.older].newer = slot.newer;
    slots_[slot.newer].older = slot.older;
    if (left.newest == number) left.newest = slot.older;
    --left.size;
    if (left.size == 0) left.newest = kNone;
    left.weight = Without(slot.weight(), left.weight, left.size);
  }

  // Moves what lies in the last slot into a free one.
  template <class Moved>
  void GiveUpLastSlot(Moved&& moved) {
    const auto last = static_cast<std::uint32_t>(slots_.size() - 1);
    if (last == spare_) {
      spare_ = kNone;
    } else if (slots_[last].list() == kFree) {
      Unlink(last);
    } else {
      const std::uint32_t to = NewSlot();
      MoveSlot(last, to);
      moved(last, to);
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
  }

  PageVector<Slot> slots_;
  std::array<List, kFree + 1> lists_;
  std::uint32_t spare_ = kNone;  // the slot freed last, in no list: the next one
  std::size_t size_ = 0;
};

}  // namespace kvcache
