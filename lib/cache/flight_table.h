// FlightTable: a hash table of what is under way. What is in it lies with its owner, and is little
// at a time, so that nothing is allocated for it; only a large batch makes the table grow, for as
// long as it lasts.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace kvcache {

// T has a `key`, and a pointer `next`, which is the table's while it is in it. Several may have one
// key. Not thread-safe.
template <class T>
class FlightTable {
 public:
  void Insert(T& flight) {
    if (++size_ > kMostInChain * chains_.size()) Resize(kGrowth * chains_.size());
    Link(flight);
  }
  // This very one; false if it is not there.
  bool Remove(const T& flight) {
    for (T** at = &ChainOf(flight.key); *at != nullptr; at = &(*at)->next) {
      if (*at != &flight) continue;
      Unlink(*at);
      if (size_ == 0 && chains_.size() > kFewest) Resize(kFewest);
      return true;
    }
    return false;
  }

  bool empty() const { return size_ == 0; }
  // One of this key, or null.
  T* Find(HashedKey key) { return Find(key, ChainOf(key)); }

  // What is called may change them, but not their keys.
  template <class Visit>
  void ForEach(Visit&& visit) {
    for (T* chain : chains_) {
      for (T* flight = chain; flight != nullptr; flight = flight->next) visit(*flight);
    }
  }
  template <class Visit>
  void ForEachOf(HashedKey key, Visit&& visit) {
    for (T* flight = Find(key); flight != nullptr; flight = Find(key, flight->next)) {
      visit(*flight);
    }
  }
  template <class Chosen>
  void RemoveIf(Chosen&& chosen) {
    for (T*& chain : chains_) {
      for (T** at = &chain; *at != nullptr;) {
        if (chosen(**at)) {
          Unlink(*at);
        } else {
          at = &(*at)->next;
        }
      }
    }
  }

 private:
  static constexpr std::size_t kFewest = 16;
  static constexpr std::size_t kMostInChain = 4;  // in the mean
  static constexpr std::size_t kGrowth = 4;

  // The lowest bits have chosen the shard. There are always a power of two of chains.
  T*& ChainOf(HashedKey key) { return chains_[(key.hash >> 32) & (chains_.size() - 1)]; }

  void Link(T& flight) { flight.next = std::exchange(ChainOf(flight.key), &flight); }
  void Unlink(T*& at) {
    at = at->next;
    --size_;
  }
  static T* Find(HashedKey key, T* from) {
    while (from != nullptr && (from->key.hash != key.hash || from->key.key != key.key)) {
      from = from->next;
    }
    return from;
  }

  // Without memory for more chains they become longer.
  void Resize(std::size_t chains) {
    try {
      std::vector<T*> old(chains);
      std::swap(old, chains_);
      for (T* chain : old) {
        while (chain != nullptr) Link(*std::exchange(chain, chain->next));
      }
    } catch (const std::bad_alloc&) {
      return;
    }
  }

  std::vector<T*> chains_ = std::vector<T*>(kFewest);
  std::size_t size_ = 0;
};

}  // namespace kvcache
