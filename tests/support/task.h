// Calls made on threads of their own.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <fstream>
#include <functional>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "support/watchdog.h"

namespace kvcache::testing {

// One call on a thread of its own; its outcome is text.
class Task {
 public:
  explicit Task(std::function<std::string()> call)
      : thread_([this, call = std::move(call)] { Run(call); }) {}
  ~Task() {
    if (thread_.joinable()) thread_.join();
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // Waits for the call to return.
  std::string Join() {
    if (thread_.joinable()) thread_.join();
    return outcome_;
  }

  bool done() const { return done_; }

  // Waits until the thread sleeps: until it stands at a gate or waits for what another call does.
  // False when the call returned instead. Needs nothing from the code under test: the kernel knows
  // who sleeps. A thread that is only descheduled counts as running there.
  bool AwaitBlocked() const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (int seen = 0; seen < 20;) {
      if (done_ || std::chrono::steady_clock::now() > deadline) return false;
      seen = Sleeps() ? seen + 1 : 0;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  void Run(const std::function<std::string()>& call) {
    thread_id_ = static_cast<int>(syscall(SYS_gettid));
    try {
      outcome_ = call();
    } catch (const std::bad_alloc&) {
      outcome_ = "bad_alloc";
    } catch (const std::exception& exception) {
      outcome_ = std::string("exception: ") + exception.what();
    }
    done_ = true;
  }

  bool Sleeps() const {
    if (thread_id_ == 0) return false;
    std::ifstream file("/proc/self/task/" + std::to_string(thread_id_) + "/stat");
    std::string stat;
    std::getline(file, stat);
    const std::size_t name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.compare(name_end, 3, ") S") == 0;
  }

  std::atomic<int> thread_id_{0};
  std::atomic<bool> done_{false};
  std::string outcome_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace kvcache::testing
