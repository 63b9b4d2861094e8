#include "cache/in_flight.h"

#include <algorithm>
#include <new>

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
  if (writes_.Find(load.key) != nullptr || InScope(load.key.key)) return Role::kAlone;
  Load* other = loads_.Find(load.key);
  if (other == nullptr) {
    loads_.Insert(load);
    return Role::kLoads;
  }
  if (other->answer == nullptr) other->answer = std::make_shared<Answer>();
  ++other->joined;
  load.answer = other->answer;
  return Role::kJoins;
}

bool InFlight::EndLoad(Load& load) { return loads_.Remove(load); }

void InFlight::BeginWrite(KeyMark& write) {
  write.crossed = Cross(write.key) || InScope(write.key.key);
  writes_.Insert(write);
  Overtake(write.key);
}

bool InFlight::EndWrite(KeyMark& write) {
  writes_.Remove(write);
  BreakLease(write.key);
  return !write.crossed;
}

void InFlight::BeginScope(const Scope& scope) {
  scopes_.push_back(&scope);
  Invalidate(scope);
}

void InFlight::EndScope(const Scope& scope) {
  std::erase(scopes_, &scope);
  BreakLeases(scope);
}

void InFlight::Invalidate(HashedKey key) {
  Cross(key);
  Overtake(key);
  BreakLease(key);
}

void InFlight::Invalidate(const Scope& scope) {
  writes_.ForEach([&](KeyMark& write) {
    if (scope(write.key.key)) write.crossed = true;
  });
  loads_.RemoveIf([&](const Load& load) { return scope(load.key.key); });
  BreakLeases(scope);
}

bool InFlight::InScope(std::string_view key) const {
  return std::ranges::any_of(scopes_, [&](const Scope* scope) { return (*scope)(key); });
}

// Marks the writes of the key; true when there was one.
bool InFlight::Cross(HashedKey key) {
  bool any = false;
  writes_.ForEachOf(key, [&](KeyMark& write) { any = write.crossed = true; });
  return any;
}

void InFlight::Overtake(HashedKey key) {
  if (const Load* load = loads_.Find(key)) loads_.Remove(*load);
}

// What a computation itself does to its key comes before its value, and does not count.
void InFlight::BreakLease(HashedKey key) {
  if (leases_.empty()) return;
  leases_.ForEachOf(key, [thread = std::this_thread::get_id()](Lease& lease) {
    if (lease.thread != thread) lease.broken = true;
  });
}

void InFlight::BreakLeases(const Scope& scope) {
  leases_.ForEach([&](const Lease& lease) {
    if (scope(lease.key.key)) BreakLease(lease.key);
  });
}

}  // namespace kvcache
