// The real cache, used by threads that each stop before and after every effect on the store, so
// that one of them at a time goes on, for as long as the player says.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kvcache/cache.h"
#include "schedules/protocol_model.h"

namespace kvcache::model {

// A thread that calls the cache when told to.
class Actor {
 public:
  // Where it is: at a stop, with so many effects of its call of the store still to come, or
  static constexpr int kIdle = -1;
  static constexpr int kRunning = -2;  // which it is too while it waits for another's load

  Actor();
  ~Actor();
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  // The player's side. Begin: when it is idle. Go: when it is at a stop; what its next effect is.
  void Begin(std::function<std::vector<std::string>()> call);
  void Go(Outcome outcome);
  // Lets it run to its end, whatever comes.
  void Release();
  int place();
  // Waits until it does not run, but not for ever.
  int AwaitPlace();
  // Of the last call, when idle.
  const std::vector<std::string>& answers() const { return answers_; }

  // The actor's side.
  Outcome Stop(int effects_left);
  // The one whose thread this is; null for others.
  static Actor* Current();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  int place_ = kIdle;
  bool released_ = false;
  bool ends_ = false;
  Outcome outcome_ = Outcome::kOk;
  std::function<std::vector<std::string>()> call_;
  std::vector<std::string> answers_;
  std::thread thread_;  // last: it uses the others
};

class SteppedCache {
 public:
  explicit SteppedCache(const Options& options);

  // Two keys, "a" and "b", with these values in the store and, if `warm`, in the tier; all idle.
  void Reset(bool warm);

  // An operation, which puts `value`.
  void Begin(std::uint8_t thread, Op op, const std::string& value);
  Actor& actor(std::uint8_t thread) { return actors_[thread]; }

  ShardStats stats() { return cache_->GetStats().total; }
  // "v, hit", "(absent), hit", or "" where the tier holds nothing; counts a hit if it does. Only
  // when the actors stand still.
  std::string Held(std::uint8_t key);

  static std::string KeyName(std::uint8_t key) { return key == 0 ? "a" : "b"; }
  static constexpr std::string_view kFirstValue = "first";

 private:
  class SteppedStore;

  std::vector<std::string> Call(Op op, const std::string& value);
  void WriteBehind(Op op, const std::string& value);

  Store* behind_ = nullptr;
  SteppedStore* store_ = nullptr;
  std::unique_ptr<Cache> cache_;
  std::array<Actor, kMostThreads> actors_;  // last: they use the cache
};

}  // namespace kvcache::model
