#include "base/epoch.h"

#include <cxxabi.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>

// Of the program or library that this is linked into.
// NOLINTNEXTLINE(readability-identifier-naming): the name is the C++ ABI's
extern "C" [[gnu::visibility("hidden")]] void* __dso_handle;

namespace kvcache::epoch {
namespace internal {

constinit thread_local ThreadSlot* this_thread = nullptr;
constinit std::atomic<std::uint64_t> now{1};

namespace {

bool Membarrier(int command) { return syscall(__NR_membarrier, command, 0, 0) == 0; }

// A full barrier on every running thread of the process. A kernel that has granted it refuses it
// only when a filter of system calls was set up since, or the process was taken to another machine:
// there the registration may have to be made again.
void BarrierEverywhere() {
  if (Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  if (Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
      Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
    return;
  }
  std::fputs(
      "kvcache: membarrier(2) is refused now and was granted at first: set up filters of system "
      "calls before the process starts, or let them pass it\n",
      stderr);
  std::abort();  // readers rely on it: memory would be reused under them
}

std::atomic<ThreadSlot*> slots{nullptr};
std::atomic<std::uint32_t> slot_count{0};

void GiveBack(void* slot) {
  this_thread = nullptr;
  static_cast<ThreadSlot*>(slot)->taken.store(false, std::memory_order_release);
}

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
  ThreadSlot* slot = ReuseSlot();
  if (slot == nullptr) slot = AddSlot();
  // Not by a thread_local object: one that was made before it is destroyed after it, and may use a
  // cache then, for which the thread registers once more.
  if (abi::__cxa_thread_atexit(GiveBack, slot, static_cast<void*>(&__dso_handle)) != 0) {
    slot->taken.store(false, std::memory_order_release);
    throw std::bad_alloc();
  }
  this_thread = slot;
  return *slot;
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
  if (internal::asymmetric.load(std::memory_order_relaxed)) internal::BarrierEverywhere();
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
