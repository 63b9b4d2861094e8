// ARC (Megiddo, Modha, FAST 2003, "ARC: a self-tuning, low overhead replacement cache"): two LRU
// lists, T1 of entries that were asked for once and T2 of those asked for again, and two ghost
// queues of what was evicted from them, B1 and B2. T1 gives up its oldest while it holds more than
// the target p, otherwise T2 does. A key that comes back from B1 says that T1 is too small and
// raises p, one from B2 lowers it, by the ratio of the other ghost queue to that one, and by 1 at
// least; both enter T2. T1 and B1 together remember as much as the cache holds, all four twice
// that.
//
// Parameters: none. Cost: a hit moves one entry; an eviction one step; about 26 bytes a ghost, of
// which there are as many as entries.
//
// Sizes: lists and p are measured by weight, and p moves by the weight of the key that comes back
// times that ratio; as many entries leave as must, and as many ghosts. With weights of 1 this is
// the paper's figure 4, request by request. Departures: ghosts are forgotten when the new entry
// enters, not before room is made for it; in the memory tier, where evictions come before it is
// known who enters, the rule that T1 holding just p gives way to a key from B2 has no effect, and
// at most 128 ghosts of a queue are forgotten at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "policy/ghost_queues.h"
#include "policy/queue_policy.h"

namespace kvcache {

class Arc final : public QueuePolicy {
 public:
  explicit Arc(const PolicyContext& context) : QueuePolicy(context), hash_(context.hash) {}

  void SetCapacity(std::uint64_t weight) override { capacity_ = weight; }

  void Admit(PolicyNode& node, std::uint64_t hash, std::uint32_t weight) override {
    QueuePolicy::Admit(node, hash, weight);
    const double target = Target();
    const auto once = static_cast<double>(ghosts_.weight(kOnce));
    const auto again = static_cast<double>(ghosts_.weight(kAgain));
    const auto ghost = ghosts_.Take(hash);
    enters_ = ghost ? kAgain : kOnce;
    if (!ghost) return;
    if (ghost->queue == kOnce) {
      target_ = std::min(target + weight * AtLeastOne(again, once), static_cast<double>(capacity_));
    } else {
      target_ = std::max(target - weight * AtLeastOne(once, again), 0.0);
      full_gives_way_ = true;
    }
  }
  void Insert(PolicyNode& node) override {
    lists_.Push(enters_, node);
    full_gives_way_ = false;
    Forget();
  }
  void Touch(PolicyNode& node) override {
    if (lists_.Has(node)) lists_.MoveTo(kAgain, node);
  }

  // The paper's REPLACE.
  PolicyNode* Evict() override {
    const auto once = static_cast<double>(lists_.weight(kOnce));
    const bool from_once = once > Target() || (full_gives_way_ && once == Target());
    const unsigned preferred = from_once ? kOnce : kAgain;
    const unsigned list = lists_.size(preferred) != 0 ? preferred : 1 - preferred;
    PolicyNode* victim = lists_.Oldest(list);
    if (victim == nullptr) return nullptr;
    ghosts_.Push(hash_(*victim), WeightOf(*victim), list);
    lists_.Remove(*victim);
    Forget();
    return victim;
  }
  std::size_t MemoryBytes() const override {
    return QueuePolicy::MemoryBytes() + ghosts_.MemoryBytes();
  }

 private:
  // Of lists and of the ghosts of what was evicted from them: T1 and B1, T2 and B2.
  static constexpr unsigned kOnce = 0;
  static constexpr unsigned kAgain = 1;

  static double AtLeastOne(double a, double b) { return a > b && b > 0 ? a / b : 1; }

  // p. The capacity may have become less since it was set.
  double Target() const { return std::min(target_, static_cast<double>(capacity_)); }

  static std::uint64_t Rest(std::uint64_t whole, std::uint64_t part) {
    return whole > part ? whole - part : 0;
  }
  // What T1 and B1, and all four, have too much of.
  void Forget() {
    ghosts_.Trim(Rest(capacity_, lists_.weight(kOnce)), most_passed(), kOnce);
    const std::uint64_t others =
        lists_.weight(kOnce) + lists_.weight(kAgain) + ghosts_.weight(kOnce);
    ghosts_.Trim(Rest(2 * capacity_, others), most_passed(), kAgain);
  }

  const std::function<std::uint64_t(const PolicyNode&)> hash_;
  std::uint64_t capacity_ = 0;
  double target_ = 0;
  unsigned enters_ = kOnce;
  bool full_gives_way_ = false;  // T1 that holds just the target does; from Admit to Insert
  GhostQueues ghosts_;
};

}  // namespace kvcache
