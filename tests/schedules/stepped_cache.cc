#include "schedules/stepped_cache.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <utility>

#include "kvcache/memory_store.h"
#include "support/text.h"
#include "support/watchdog.h"

namespace kvcache::model {
namespace {

thread_local Actor* current = nullptr;

Batch BatchOf(Op op, const std::string& value) {
  Batch batch;
  for (std::uint8_t k = 0; k < kMostKeys; ++k) {
    if ((op.keys >> k & 1) == 0) continue;
    batch.Put(SteppedCache::KeyName(k), value);
  }
  if (op.kind == Kind::kPutThenDeleteRange) batch.DeleteRange("a", "c");
  return batch;
}

// "v, hit", "v, read", "(absent)" or "error".
std::string AnswerText(const Result<std::optional<Value>>& answer) {
  return answer ? testing::TextAndSource(answer) : "error";
}

}  // namespace

// Actors.

Actor::Actor() : thread_([this] { Run(); }) {}

Actor::~Actor() {
  Release();
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Actor* Actor::Current() { return current; }

void Actor::Begin(std::function<std::vector<std::string>()> call) {
  {
    const std::lock_guard lock(mutex_);
    call_ = std::move(call);
    place_ = kRunning;
  }
  changed_.notify_all();
}

void Actor::Go(Outcome outcome) {
  {
    const std::lock_guard lock(mutex_);
    outcome_ = outcome;
    place_ = kRunning;
  }
  changed_.notify_all();
}

void Actor::Release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  changed_.notify_all();
}

int Actor::place() {
  const std::lock_guard lock(mutex_);
  return place_;
}

int Actor::AwaitPlace() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, testing::kPatience, [this] { return place_ != kRunning; });
  return place_;
}

Outcome Actor::Stop(int effects_left) {
  std::unique_lock lock(mutex_);
  if (released_) return Outcome::kOk;
  place_ = effects_left;
  changed_.notify_all();
  changed_.wait(lock, [this] { return place_ == kRunning || released_; });
  return outcome_;
}

void Actor::Run() {
  current = this;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return place_ == kRunning || ends_; });
    if (place_ != kRunning) return;
    lock.unlock();
    std::vector<std::string> answers = call_();
    lock.lock();
    answers_ = std::move(answers);
    place_ = kIdle;
    changed_.notify_all();
  }
}

// Stops the actors' calls; others pass.
class SteppedCache::SteppedStore final : public Store {
 public:
  explicit SteppedStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  std::uint64_t calls_of_others() const { return calls_of_others_; }

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    const auto take = [&](std::size_t, std::string_view value) { receive(value); };
    return MultiGet({&key, 1}, take)[0];
  }

  std::vector<Result<bool>> MultiGet(std::span<const std::string_view> keys,
                                     const IndexedReceiver& receive) override {
    int left = static_cast<int>(keys.size());
    Outcome outcome = Stop(left);
    std::vector<Result<bool>> results;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (outcome == Outcome::kOk) {
        results.push_back(inner_->Get(keys[i], [&](std::string_view value) { receive(i, value); }));
      } else {
        results.emplace_back(Failed());
      }
      outcome = Stop(--left);
    }
    return results;
  }

  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    const Outcome outcome = Stop(1);
    Result<void> result;
    if (outcome != Outcome::kFails) result = inner_->Write(batch, options);
    if (outcome != Outcome::kOk) result = Failed();
    Stop(0);
    return result;
  }

  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    return inner_->Scan(options, visit);
  }

 private:
  static std::unexpected<Error> Failed() { return Fail(ErrorCode::kIoError, "injected"); }

  Outcome Stop(int effects_left) {
    if (Actor* actor = Actor::Current()) return actor->Stop(effects_left);
    ++calls_of_others_;
    return Outcome::kOk;
  }

  const std::unique_ptr<Store> inner_;
  std::uint64_t calls_of_others_ = 0;  // of the player alone
};

SteppedCache::SteppedCache(const Options& options) {
  auto memory = MakeMemoryStore();
  behind_ = memory.get();
  auto stepped = std::make_unique<SteppedStore>(std::move(memory));
  store_ = stepped.get();
  auto cache = Cache::Open(options, std::move(stepped));
  REQUIRE_MESSAGE(cache, testing::Text(cache.error()));
  cache_ = std::move(*cache);
}

void SteppedCache::Reset(bool warm) {
  Batch batch;
  for (std::uint8_t k = 0; k < kMostKeys; ++k) batch.Put(KeyName(k), kFirstValue);
  if (!behind_->Write(batch, {})) std::abort();  // an in-memory store does not fail
  cache_->InvalidateAll();
  for (std::uint8_t k = 0; k < kMostKeys && warm; ++k) (void)cache_->Get(KeyName(k));
}

void SteppedCache::Begin(std::uint8_t thread, Op op, const std::string& value) {
  actors_[thread].Begin([this, op, value] { return Call(op, value); });
}

std::vector<std::string> SteppedCache::Call(Op op, const std::string& value) {
  const std::string key = KeyName(op.keys == 2 ? 1 : 0);
  std::vector<std::string> answers;
  const auto written = [&](const Result<void>& result) {
    answers.emplace_back(result ? "ok" : "error");
  };
  switch (op.kind) {
    case Kind::kIdle:
      break;
    case Kind::kGet:
      if (op.keys == 3) {
        constexpr std::string_view kKeys[] = {"a", "b"};
        for (const auto& answer : cache_->MultiGet(kKeys)) answers.push_back(AnswerText(answer));
      } else {
        answers.push_back(AnswerText(cache_->Get(key)));
      }
      break;
    case Kind::kPut:
      written(op.keys == 3 ? cache_->Write(BatchOf(op, value)) : cache_->Put(key, value));
      break;
    case Kind::kDelete:
      written(cache_->Delete(key));
      break;
    case Kind::kDeleteRange:
      written(cache_->DeleteRange("a", "c"));
      break;
    case Kind::kPutThenDeleteRange:
      written(cache_->Write(BatchOf(op, value)));
      break;
    case Kind::kInvalidate:
      WriteBehind(op, value);
      cache_->Invalidate(key);
      break;
    case Kind::kInvalidateAll:
      WriteBehind(op, value);
      cache_->InvalidateAll();
      break;
  }
  return answers;
}

void SteppedCache::WriteBehind(Op op, const std::string& value) {
  if (!behind_->Write(BatchOf(op, value), {})) std::abort();
  Actor::Current()->Stop(0);
}

std::string SteppedCache::Held(std::uint8_t key) {
  const std::uint64_t calls = store_->calls_of_others();
  const auto contains = cache_->Contains(KeyName(key));
  if (store_->calls_of_others() != calls) return "";
  if (!contains) return testing::Text(contains.error());
  const auto answer = cache_->Get(KeyName(key));
  const bool hit = store_->calls_of_others() == calls;
  return testing::Text(answer) + (hit ? ", hit" : ", read");
}

}  // namespace kvcache::model
