// OPT (Belady 1966, "A study of replacement algorithms for a virtual-storage computer"): the object
// whose next use is farthest in the future leaves. No policy that caches every missed object hits
// more often, if objects have one size. With different sizes it is the same rule, which is no bound
// then: whoever keeps small objects may hit more often.
//
// For simulations alone: it is told each request's next use beforehand. Cost: a heap operation a
// request. It caches what is never used again too, as the others must.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kvcache/policy.h"
#include "policy/lazy_heap.h"

namespace kvcache {

class Opt final : public Policy {
 public:
  // The number of the request that the next Admit or Touch is about will be asked again with;
  // kNever if it will not.
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  void SetNextUse(std::uint64_t next) { next_use_ = next; }

  void Admit(PolicyNode&, std::uint64_t, std::uint32_t) override {}
  void Insert(PolicyNode& node) override { heap_.Push(node, ~next_use_); }
  void Touch(PolicyNode& node) override { heap_.ChangeRank(node, ~next_use_); }
  void Erase(PolicyNode& node) override { heap_.Remove(node); }
  PolicyNode* Evict() override {
    if (heap_.empty()) return nullptr;
    PolicyNode* victim = heap_.top().node;
    heap_.Remove(*victim);
    return victim;
  }
  PolicyNode* Drain() override { return Evict(); }
  std::size_t Settle(std::size_t, std::size_t) override { return 0; }
  void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t) override {
    heap_.Replace(old, now);
  }
  std::size_t size() const override { return heap_.size(); }
  std::size_t MemoryBytes() const override { return heap_.MemoryBytes(); }

 private:
  std::uint64_t next_use_ = kNever;
  LazyHeap<> heap_;  // least first: ranks are the complements of next uses
};

}  // namespace kvcache
