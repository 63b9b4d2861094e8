// Epoch-based reclamation: readers that take no lock, and writers that know when the last of them
// has gone (Fraser 2004, "Practical lock-freedom", chapter 5).
//
// A reader announces the epoch in its own slot, reads shared pointers, and leaves. A writer unlinks
// an object, stamps it with the current epoch, and may reuse its memory when every announced epoch
// is later than the stamp.
//
// Why that is safe. An object stamped S was unlinked before the epoch became S + 1, for all to see:
// between unlinking and reading the stamp stands a full barrier. (A read-modify-write would do as
// well, but take the epoch's line, which every hit reads, from all readers.) A reader that
// announced S + 1 or later read the epoch after that, so it finds the object unlinked. A reader
// whose announcement AdvanceAndFindOldest() does not see has yet to read any pointer: between
// announcing and reading stands a full barrier, and so it does between unlinking and looking at the
// slots. The barrier is expensive where it is frequent, so readers have only a compiler barrier,
// and the writer issues membarrier(2), which runs a full barrier on every running thread of the
// process (as liburcu's memb flavour does). Where the kernel refuses it, and under ThreadSanitizer,
// which does not know it, the announcement is a sequentially consistent exchange and the slot is
// looked at by a read-modify-write: whichever comes second in the slot's modification order reads
// the first, so either the writer sees the reader or the reader sees the unlinking.
//
// One domain a process: threads register on first use, their slots are reused after they end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/sanitizers.h"

namespace kvcache::epoch {

struct alignas(64) ThreadSlot {
  std::atomic<std::uint64_t> announced{0};  // 0: not reading
  std::uint32_t index = 0;                  // dense: smaller than the most threads there ever were
  std::atomic<bool> taken{true};
  ThreadSlot* next = nullptr;
};

namespace internal {
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ThreadSlot* this_thread;
extern constinit std::atomic<std::uint64_t> now;
extern std::atomic<bool> asymmetric;  // membarrier works
ThreadSlot& Register();
}  // namespace internal

// The calling thread's slot.
inline ThreadSlot& ThisThread() {
  ThreadSlot* slot = internal::this_thread;
  return slot != nullptr ? *slot : internal::Register();
}

// What is reachable when a Guard is made stays allocated while it exists. Guards do not nest, and
// nothing that waits may run under one.
class Guard {
 public:
  explicit Guard(ThreadSlot& slot) : slot_(slot) {
    const std::uint64_t now = internal::now.load(std::memory_order_acquire);
#ifndef KVCACHE_TSAN
    if (internal::asymmetric.load(std::memory_order_relaxed)) [[likely]] {
      slot_.announced.store(now, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      return;
    }
#endif
    slot_.announced.exchange(now, std::memory_order_seq_cst);
  }
  ~Guard() { slot_.announced.store(0, std::memory_order_release); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  ThreadSlot& slot_;
};

// How many threads have had a slot so far at most at one time: above every slot's index.
std::size_t Threads();

// The stamp for an object just unlinked. The caller orders the unlinking before this call.
inline std::uint64_t Stamp() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return internal::now.load(std::memory_order_relaxed);
}

// Begins a new epoch; what is stamped with less than the result can be reused.
std::uint64_t AdvanceAndFindOldest();

// Returns when every reader that was reading at the call has left.
void WaitForReaders();

}  // namespace kvcache::epoch
