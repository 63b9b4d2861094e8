// A cache of objects of size 1 without values: the least that a policy can be driven by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "kvcache/policy.h"

namespace kvcache::testing {

// A 64-bit hash that differs for different keys (the finisher of splitmix64, a bijection).
inline std::uint64_t HashOfKey(std::uint64_t key) {
  key += 0x9e3779b97f4a7c15;
  key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9;
  key = (key ^ (key >> 27)) * 0x94d049bb133111eb;
  return key ^ (key >> 31);
}

using MakePolicyFunction = std::function<std::unique_ptr<Policy>(const PolicyContext&)>;

// Keys are 0 .. keys - 1, so a key's node is found without a map.
class PolicyDriver {
 public:
  PolicyDriver(const MakePolicyFunction& make, std::size_t keys, std::size_t capacity,
               bool exact = true)
      : capacity_(capacity), nodes_(keys), resident_(keys) {
    PolicyContext context;
    context.hash = [this](const PolicyNode& node) { return HashOfKey(KeyOf(node)); };
    context.exact = exact;
    policy_ = make(context);
    policy_->SetCapacity(capacity);
  }

  // True: a hit.
  bool Request(std::uint32_t key) {
    PolicyNode& node = nodes_[key];
    if (resident_[key] != 0) {
      policy_->Touch(node);
      return true;
    }
    policy_->Admit(node, HashOfKey(key), 1);
    while (policy_->size() >= capacity_) resident_[KeyOf(*policy_->Evict())] = 0;
    policy_->Insert(node);
    resident_[key] = 1;
    return false;
  }

  Policy& policy() { return *policy_; }
  bool Resident(std::uint32_t key) const { return resident_[key] != 0; }
  std::size_t KeyOf(const PolicyNode& node) const {
    return static_cast<std::size_t>(&node - nodes_.data());
  }

 private:
  const std::size_t capacity_;
  std::vector<PolicyNode> nodes_;
  std::vector<std::uint8_t> resident_;
  std::unique_ptr<Policy> policy_;
};

}  // namespace kvcache::testing
