#include "cache/in_flight.h"

#include <algorithm>
#include <new>
#include <utility>

namespace kvcache {

void Answer::Publish(const Result<std::optional<Value>>& result) {
  {
    const std::lock_guard lock(mutex_);
    try {
      result_.emplace(result);
    } catch (const std::bad_alloc&) {  // for the text of an error; this one is short
      result_.emplace(Fail(ErrorCode::kInternal, "out of memory"));
    }
  }
  published_.notify_all();
}

Result<std::optional<Value>> Answer::Wait() {
  std::unique_lock lock(mutex_);
  published_.wait(lock, [this] { return result_.has_value(); });
  return *result_;
}

InFlight::Role InFlight::BeginRead(Load& load) {
  if (writes_.contains(load.key) || InScope(load.key.key)) return Role::kAlone;
  const auto [found, first] = loads_.try_emplace(load.key, &load);
  if (first) return Role::kLoads;
  Load& other = *found->second;
  if (other.answer == nullptr) other.answer = std::make_shared<Answer>();
  ++other.joined;
  load.answer = other.answer;
  return Role::kJoins;
}

bool InFlight::EndLoad(const Load& load) {
  const auto found = loads_.find(load.key);
  if (found == loads_.end() || found->second != &load) return false;
  loads_.erase(found);
  return true;
}

void InFlight::BeginWrite(HashedKey key) {
  const auto [found, first] = writes_.try_emplace(key);
  WriteRecord& record = found->second;
  if (!first && record.key.empty()) KeepKey(key);
  ++record.writers;
  if (record.writers > 1 || InScope(key.key)) record.crossed = true;
  Overtake(key);
}

// Gives the key's record bytes of its own.
void InFlight::KeepKey(HashedKey key) {
  std::string bytes(key.key);
  auto node = writes_.extract(key);
  node.mapped().key = std::move(bytes);
  node.key().key = node.mapped().key;
  writes_.insert(std::move(node));
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
