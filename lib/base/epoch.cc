#include "base/epoch.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <thread>

namespace kvcache::epoch {
namespace internal {

constinit thread_local ThreadSlot* this_thread = nullptr;
constinit std::atomic<std::uint64_t> now{1};

namespace {

bool Membarrier(int command) { return syscall(__NR_membarrier, command, 0, 0) == 0; }

std::atomic<ThreadSlot*> slots{nullptr};
std::atomic<std::uint32_t> slot_count{0};

// Gives the slot back when its thread ends.
struct SlotOwner {
  ThreadSlot* slot = nullptr;
  ~SlotOwner() {
    this_thread = nullptr;
    if (slot != nullptr) slot->taken.store(false, std::memory_order_release);
  }
};

ThreadSlot* ReuseSlot() {
  for (ThreadSlot* slot = slots.load(std::memory_order_acquire); slot != nullptr;
       slot = slot->next) {
    bool taken = false;
    if (slot->taken.compare_exchange_strong(taken, true, std::memory_order_acquire)) return slot;
  }
  return nullptr;
}

ThreadSlot* AddSlot() {
  auto* slot = new ThreadSlot;  // lives as long as the process: threads may end after main
  slot->index = slot_count.fetch_add(1, std::memory_order_relaxed);
  slot->next = slots.load(std::memory_order_relaxed);
  while (!slots.compare_exchange_weak(slot->next, slot, std::memory_order_acq_rel)) {
  }
  return slot;
}

}  // namespace

std::atomic<bool> asymmetric{Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)};

ThreadSlot& Register() {
  thread_local SlotOwner owner;
  this_thread = ReuseSlot();
  if (this_thread == nullptr) this_thread = AddSlot();
  owner.slot = this_thread;
  return *this_thread;
}

}  // namespace internal

namespace {

// Of the epochs that readers have announced, and `now`.
std::uint64_t Oldest(std::uint64_t now) {
  std::uint64_t oldest = now;
  for (auto* slot = internal::slots.load(std::memory_order_acquire); slot != nullptr;
       slot = slot->next) {
    const std::uint64_t announced = slot->announced.fetch_add(0, std::memory_order_seq_cst);
    if (announced != 0) oldest = std::min(oldest, announced);
  }
  return oldest;
}

}  // namespace

std::uint64_t AdvanceAndFindOldest() {
  const std::uint64_t now = internal::now.fetch_add(1, std::memory_order_seq_cst) + 1;
  if (internal::asymmetric.load(std::memory_order_relaxed)) {
    internal::Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  }
  return Oldest(now);
}

std::size_t Threads() { return internal::slot_count.load(std::memory_order_acquire); }

void WaitForReaders() {
  const std::uint64_t stamp = internal::now.fetch_add(0, std::memory_order_seq_cst);
  // One barrier will do: who announces an old epoch after it has yet to read any pointer.
  std::uint64_t oldest = AdvanceAndFindOldest();
  for (; oldest <= stamp; oldest = Oldest(stamp + 1)) std::this_thread::yield();
}

}  // namespace kvcache::epoch
