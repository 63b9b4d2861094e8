// A mutex for whoever must take it again and again, a slice of work at a time.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

namespace kvcache {

// As std::mutex, which is unfair: a thread that unlocks and locks again at once nearly always wins
// against one that has to wake up first. GiveWay, between the two, lets those who wait have it.
// Costs nothing while nobody waits.
class PoliteMutex {
 public:
  void lock() {
    if (mutex_.try_lock()) return;
    waiting_.fetch_add(1, std::memory_order_relaxed);
    mutex_.lock();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

  // Without the lock: returns when nobody waits for it, or after a while if more and more do.
  void GiveWay() const {
    constexpr int kMostYields = 1000;
    for (int i = 0; i < kMostYields && waiting_.load(std::memory_order_relaxed) > 0; ++i) {
      std::this_thread::yield();
    }
  }

 private:
  std::mutex mutex_;
  std::atomic<int> waiting_{0};
};

}  // namespace kvcache
