#include "cache/in_flight.h"

#include <algorithm>
#include <utility>

namespace kvcache {

void Load::Publish(Result<std::optional<Value>> result) {
  {
    const std::lock_guard lock(mutex_);
    result_.emplace(std::move(result));
  }
  published_.notify_all();
}

Result<std::optional<Value>> Load::Wait() {
  std::unique_lock lock(mutex_);
  published_.wait(lock, [this] { return result_.has_value(); });
  return *result_;
}

InFlight::Reading InFlight::BeginRead(HashedKey key) {
  if (writes_.contains(key) || InScope(key.key)) return {Role::kAlone, nullptr};
  if (const auto found = loads_.find(key); found != loads_.end()) {
    ++found->second->joined;
    return {Role::kJoins, found->second};
  }
  auto load = std::make_shared<Load>(key);
  loads_.emplace(load->key(), load);
  return {Role::kLoads, std::move(load)};
}

bool InFlight::EndLoad(const Load& load) {
  const auto found = loads_.find(load.key());
  if (found == loads_.end() || found->second.get() != &load) return false;
  loads_.erase(found);
  return true;
}

void InFlight::BeginWrite(HashedKey key) {
  auto found = writes_.find(key);
  if (found == writes_.end()) {
    found = writes_.emplace(OwnedKey{key.hash, std::string(key.key)}, WriteRecord{}).first;
  }
  WriteRecord& record = found->second;
  ++record.writers;
  if (record.writers > 1 || InScope(key.key)) record.crossed = true;
  Overtake(key);
}

bool InFlight::EndWrite(HashedKey key) {
  const auto found = writes_.find(key);
  const bool crossed = found->second.crossed;
  if (--found->second.writers == 0) writes_.erase(found);
  return !crossed;
}

void InFlight::BeginScope(const Scope& scope) {
  scopes_.push_back(&scope);
  Invalidate(scope);
}

void InFlight::EndScope(const Scope& scope) { std::erase(scopes_, &scope); }

void InFlight::Invalidate(HashedKey key) {
  if (const auto found = writes_.find(key); found != writes_.end()) found->second.crossed = true;
  Overtake(key);
}

void InFlight::Invalidate(const Scope& scope) {
  for (auto& [key, record] : writes_) {
    if (scope(key.key)) record.crossed = true;
  }
  std::erase_if(loads_, [&](const auto& load) { return scope(load.first.key); });
}

bool InFlight::InScope(std::string_view key) const {
  return std::ranges::any_of(scopes_, [&](const Scope* scope) { return (*scope)(key); });
}

void InFlight::Overtake(HashedKey key) {
  if (const auto found = loads_.find(key); found != loads_.end()) loads_.erase(found);
}

}  // namespace kvcache
