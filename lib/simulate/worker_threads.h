// Threads that share out a simulation's work: fewer than asked for when the system gives no more,
// and what one of them throws reaches the caller.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace kvcache {

// Starts threads that call `work`, which throws nothing: `threads` together with the calling one,
// or as many as can be had.
template <class Work>
std::vector<std::jthread> StartThreads(std::size_t threads, const Work& work) {
  std::vector<std::jthread> started;
  try {
    while (started.size() + 1 < threads) started.emplace_back(work);
  } catch (...) {
    return started;  // neither memory nor threads are needed for those there are to go on
  }
  return started;
}

// Keeps the first exception of several threads. Catch and caught are thread-safe.
class FirstException {
 public:
  template <class Run>
  void Catch(const Run& run) noexcept {
    try {
      run();
    } catch (...) {
      if (!caught_.exchange(true)) exception_ = std::current_exception();
    }
  }
  bool caught() const { return caught_; }
  // Throws it, if there is one. When no thread is in Catch any more.
  void Rethrow() const {
    if (exception_ != nullptr) std::rethrow_exception(exception_);
  }

 private:
  std::atomic<bool> caught_{false};
  std::exception_ptr exception_;
};

}  // namespace kvcache
