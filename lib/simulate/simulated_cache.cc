#include "simulate/simulated_cache.h"

namespace kvcache {

SimulatedCache::SimulatedCache(const MakePolicy& make, std::uint64_t capacity)
    : capacity_(capacity) {
  PolicyContext context;
  context.exact = true;
  context.hash = [](const PolicyNode& node) { return Of(node).hash; };
  policy_ = make(context);
  policy_->SetCapacity(capacity);
}

SimulatedCache::Object& SimulatedCache::Of(const PolicyNode& node) {
  const char* address = reinterpret_cast<const char*>(&node) - offsetof(Object, node);
  return *reinterpret_cast<Object*>(const_cast<char*>(address));
}

bool SimulatedCache::Request(std::uint64_t hash, std::uint32_t size) {
  const std::uint32_t found = index_.Find(hash, *this);
  if (found != PositionIndex::kNone) {
    policy_->Touch(At(found).node);
    return true;
  }
  if (size > capacity_) return false;
  const std::uint32_t number = NewObject();
  Object& object = At(number);
  object.hash = hash;
  object.size = size;
  policy_->Admit(object.node, hash, size);
  while (used_ + size > capacity_) EvictOne();
  policy_->Insert(object.node);
  index_.Set(hash, number, *this);
  used_ += size;
  return false;
}

void SimulatedCache::EvictOne() {
  Object& victim = Of(*policy_->Evict());
  const std::uint32_t number = index_.Find(victim.hash, *this);
  index_.Erase(victim.hash, number, *this);
  used_ -= victim.size;
  free_.push_back(number);
}

std::uint32_t SimulatedCache::NewObject() {
  if (!free_.empty()) {
    const std::uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }
  if (made_ % kChunk == 0) chunks_.push_back(std::make_unique<Object[]>(kChunk));
  return made_++;
}

std::size_t SimulatedCache::MemoryBytes() const {
  return chunks_.size() * kChunk * sizeof(Object) + free_.capacity() * sizeof(free_[0]) +
         index_.MemoryBytes() + policy_->MemoryBytes();
}

}  // namespace kvcache
