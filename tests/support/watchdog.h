// A test that hangs says so and ends, instead of waiting for ever.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace kvcache::testing {

// Far beyond what any step of a test takes, under a sanitizer and on a busy machine too. Only a
// test that fails ever waits so long.
inline constexpr std::chrono::seconds kPatience{30};

// Ends the process when it has not been destroyed within three times kPatience.
class Watchdog {
 public:
  explicit Watchdog(std::string what) : what_(std::move(what)), thread_([this] { Watch(); }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch() {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, 3 * kPatience, [this] { return done_; })) return;
    std::fprintf(stderr, "watchdog: %s hangs: a deadlock, or a wait that nothing ends\n",
                 what_.c_str());
    std::abort();
  }

  const std::string what_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace kvcache::testing
