// The order keeper of policies whose nodes leave in the order in which they came: queues of nodes,
// in half the memory of NodeLists.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "base/pages.h"
#include "kvcache/policy.h"
#include "policy/node_weight.h"

namespace kvcache {

// One queue: a ring of places in an array. A node knows its place; one that leaves from the middle
// leaves the place empty until the queue has moved on, or has become full or sparse. 8 to 10 bytes
// a node.
//
// Not thread-safe. At most 2^31 places.
class NodeQueue {
 public:
  // `number`: tells queues apart in a node's position; 0 or 1.
  explicit NodeQueue(std::uint32_t number) : number_(number) {}

  static std::uint32_t NumberOf(const PolicyNode& node) { return node.position & 1; }

  std::size_t size() const { return size_; }
  std::uint64_t weight() const { return weight_; }
  std::size_t MemoryBytes() const { return places_.capacity_bytes(); }
  bool Has(const PolicyNode& node) const {
    return PlaceOf(node) < places_.size() && places_[PlaceOf(node)].node == &node;
  }

  // Null when the queue is empty.
  PolicyNode* Oldest() const {
    if (size_ == 0) return nullptr;
    // Who asks will soon ask for that one.
    __builtin_prefetch(places_[Index(std::min(kAhead, span_ - 1))].node);
    return places_[oldest_].node;
  }
  // May throw std::bad_alloc, and then has done nothing; not after MakePlace().
  void Push(PolicyNode& node) {
    if (!MakePlace()) throw std::bad_alloc();
    Enter(node);
    weight_ += WeightOf(node);
  }
  // False without memory for one more.
  bool MakePlace() {
    if (span_ < places_.size()) return true;
    const std::size_t count = places_.size();
    const bool sparse = size_ < count - count / 8;  // the empty ones will do
    return Remake(sparse ? count : WholePages(count + count / 8 + 1));
  }
  void Remove(PolicyNode& node) {
    assert(Has(node));
    Leave(node);
    weight_ = Without(WeightOf(node), weight_, size_);
    if (size_ + kSpare < places_.size() / 4) Remake(WholePages(size_ + size_ / 8 + 1));
  }
  // Makes the oldest the newest.
  void Rotate() {
    PolicyNode& node = *places_[oldest_].node;
    Leave(node);
    Enter(node);
  }
  // `now`, whose weight has been set, takes the place of `old`.
  void Replace(const PolicyNode& old, PolicyNode& now) {
    assert(Has(old));
    weight_ = Without(WeightOf(old), weight_, size_) + WeightOf(now);
    now.position = old.position;
    places_[PlaceOf(now)].node = &now;
  }

 private:
  struct Place {
    PolicyNode* node;  // null: it has left
  };

  static constexpr std::uint32_t kAhead = 8;
  static constexpr std::size_t kSpare = 512;  // places: a page

  static std::uint32_t PlaceOf(const PolicyNode& node) { return node.position >> 1; }
  std::uint32_t Index(std::uint32_t age) const {
    const std::size_t index = std::size_t{oldest_} + age;
    return static_cast<std::uint32_t>(index < places_.size() ? index : index - places_.size());
  }

  void Enter(PolicyNode& node) {
    const std::uint32_t index = Index(span_++);
    places_[index].node = &node;
    node.position = index << 1 | number_;
    ++size_;
  }
  // The oldest place and the newest are never empty.
  void Leave(const PolicyNode& node) {
    places_[PlaceOf(node)].node = nullptr;
    --size_;
    while (span_ != 0 && places_[oldest_].node == nullptr) {
      oldest_ = Index(1);
      --span_;
    }
    while (span_ != 0 && places_[Index(span_ - 1)].node == nullptr) --span_;
    if (span_ == 0) oldest_ = 0;
  }

  static std::size_t WholePages(std::size_t places) {
    return RoundUp(places * sizeof(Place), kPageSize) / sizeof(Place);
  }

  // Into so many places; in place where the order allows it. False without memory for them.
  bool Remake(std::size_t count) {
    try {
      if (oldest_ == 0 && count > places_.size()) {
        places_.resize(count);
        return true;
      }
      PageVector<Place> places;
      places.resize(count);
      std::swap(places, places_);
      MoveFrom(places);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  void MoveFrom(const PageVector<Place>& places) {
    const std::size_t first = std::exchange(oldest_, 0);
    const std::size_t span = std::exchange(span_, 0);
    size_ = 0;
    for (std::size_t i = 0; i < span; ++i) {
      PolicyNode* node = places[(first + i) % places.size()].node;
      if (node != nullptr) Enter(*node);
    }
  }

  const std::uint32_t number_;
  PageVector<Place> places_;
  std::uint32_t oldest_ = 0;  // index of its place
  std::uint32_t span_ = 0;    // places from the oldest to the newest, the empty ones included
  std::uint32_t size_ = 0;
  std::uint64_t weight_ = 0;
};

// Two of them. Not thread-safe.
class NodeQueues {
 public:
  std::size_t size() const { return size(0) + size(1); }
  std::size_t size(unsigned queue) const { return queues_[queue].size(); }
  std::uint64_t weight(unsigned queue) const { return queues_[queue].weight(); }
  std::size_t MemoryBytes() const { return queues_[0].MemoryBytes() + queues_[1].MemoryBytes(); }
  bool Has(const PolicyNode& node) const { return QueueOf(node).Has(node); }

  // Null when the queue is empty.
  PolicyNode* Oldest(unsigned queue) const { return queues_[queue].Oldest(); }
  // Enters a node, whose weight has been set. May throw std::bad_alloc, and then has done nothing.
  void Push(unsigned queue, PolicyNode& node) { queues_[queue].Push(node); }
  void Remove(PolicyNode& node) { QueueOf(node).Remove(node); }
  // Takes out the oldest; null when the queue is empty.
  PolicyNode* RemoveOldest(unsigned queue) {
    PolicyNode* oldest = Oldest(queue);
    if (oldest != nullptr) Remove(*oldest);
    return oldest;
  }
  void Rotate(unsigned queue) { queues_[queue].Rotate(); }
  // Makes the oldest of one queue the newest of the other one. False without memory for that.
  bool MoveOldest(unsigned from) {
    if (!queues_[1 - from].MakePlace()) return false;
    queues_[1 - from].Push(*RemoveOldest(from));
    return true;
  }
  // `now` takes the place of `old`.
  void Replace(const PolicyNode& old, PolicyNode& now, std::uint32_t weight) {
    SetWeight(now, weight);
    QueueOf(old).Replace(old, now);
  }

 private:
  NodeQueue& QueueOf(const PolicyNode& node) { return queues_[NodeQueue::NumberOf(node)]; }
  const NodeQueue& QueueOf(const PolicyNode& node) const {
    return queues_[NodeQueue::NumberOf(node)];
  }

  std::array<NodeQueue, 2> queues_{NodeQueue(0), NodeQueue(1)};
};

}  // namespace kvcache
