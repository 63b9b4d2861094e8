// Eviction policies as a service would write its own, in the plainest way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "kvcache/policy.h"

namespace kvcache::testing {

// A list of nodes, coldest first. FIFO: a hit changes nothing.
class FifoPolicy : public Policy {
 public:
  void Admit(PolicyNode&, std::uint64_t, std::uint32_t) override {}
  void Insert(PolicyNode& node) override { places_[&node] = order_.insert(order_.end(), &node); }
  void Touch(PolicyNode&) override {}

  void Erase(PolicyNode& node) override {
    const auto found = places_.find(&node);
    order_.erase(found->second);
    places_.erase(found);
  }

  PolicyNode* Evict() override {
    if (order_.empty()) return nullptr;
    PolicyNode* node = order_.front();
    Erase(*node);
    return node;
  }

  std::size_t Settle(std::size_t, std::size_t) override { return 0; }
  PolicyNode* Drain() override { return Evict(); }

  void Replace(PolicyNode& old, PolicyNode& now, std::uint32_t) override {
    const auto place = places_.extract(&old).mapped();
    *place = &now;
    places_[&now] = place;
  }

  std::size_t size() const override { return order_.size(); }
  std::size_t MemoryBytes() const override { return order_.size() * 96; }

 protected:
  std::list<PolicyNode*> order_;
  std::unordered_map<PolicyNode*, std::list<PolicyNode*>::iterator> places_;
};

// LRU whose hits move a list, and so need the lock.
class MovingLruPolicy final : public FifoPolicy {
 public:
  void Touch(PolicyNode& node) override {
    const auto found = places_.find(&node);
    if (found != places_.end()) order_.splice(order_.end(), order_, found->second);
  }
};

// Makes them usable by the names "sample-fifo" and "sample-lru". Once a process.
inline Result<void> RegisterSamplePolicies() {
  const auto row = [](std::string name, std::string help, bool touch_needs_lock, auto make) {
    PolicyInfo info;
    info.name = std::move(name);
    info.help = std::move(help);
    info.touch_needs_lock = touch_needs_lock;
    info.make = [make](const PolicyContext&, const std::vector<double>&) { return make(); };
    return info;
  };
  auto registered = RegisterPolicy(
      row("sample-fifo", "first in, first out", false,
          []() -> std::unique_ptr<Policy> { return std::make_unique<FifoPolicy>(); }));
  if (!registered) return registered;
  return RegisterPolicy(
      row("sample-lru", "least recently used, by a list", true,
          []() -> std::unique_ptr<Policy> { return std::make_unique<MovingLruPolicy>(); }));
}

}  // namespace kvcache::testing
