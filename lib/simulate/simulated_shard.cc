#include "simulate/simulated_shard.h"

namespace kvcache {

SimulatedShard::SimulatedShard(const MakePolicy& make, bool exact) {
  PolicyContext context;
  context.exact = exact;
  context.one_thread = true;
  context.hash = [](const PolicyNode& node) { return Of(node).hash; };
  policy_ = make(context);
}

SimulatedShard::Object& SimulatedShard::Of(const PolicyNode& node) {
  const char* address = reinterpret_cast<const char*>(&node) - offsetof(Object, node);
  return *reinterpret_cast<Object*>(const_cast<char*>(address));
}

bool SimulatedShard::Hit(std::uint64_t hash) {
  const std::uint32_t found = index_.Find(hash, *this);
  if (found == PositionIndex::kNone) return false;
  policy_->Touch(At(found).node);
  return true;
}

std::uint32_t SimulatedShard::Admit(std::uint64_t hash, std::uint32_t size) {
  const std::uint32_t number = NewObject();
  Object& object = At(number);
  object.hash = hash;
  object.size = size;
  policy_->Admit(object.node, hash, size);
  return number;
}

void SimulatedShard::Insert(std::uint32_t number) {
  Object& object = At(number);
  policy_->Insert(object.node);
  index_.Add(object.hash, number, *this);
  used_ += object.size;
}

void SimulatedShard::Evict() {
  Object& victim = Of(*policy_->Evict());
  used_ -= victim.size;
  free_.push_back(index_.Take(victim.hash, *this));
}

std::uint32_t SimulatedShard::NewObject() {
  if (!free_.empty()) {
    const std::uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }
  if (made_ % kChunk == 0) chunks_.push_back(std::make_unique<Object[]>(kChunk));
  return made_++;
}

std::size_t SimulatedShard::MemoryBytes() const {
  return chunks_.size() * kChunk * sizeof(Object) + free_.capacity() * sizeof(free_[0]) +
         index_.MemoryBytes() + policy_->MemoryBytes();
}

}  // namespace kvcache
