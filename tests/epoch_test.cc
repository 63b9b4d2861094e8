// Epochs: what a guard protects is not reused, and what none protects is.
#include "base/epoch.h"

#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <latch>
#include <set>
#include <thread>
#include <vector>

#include "support/proc.h"

namespace kvcache::epoch {
namespace {

TEST_CASE("epoch: without readers everything stamped can be reused") {
  const std::uint64_t stamp = Stamp();
  CHECK(AdvanceAndFindOldest() > stamp);
}

TEST_CASE("epoch: a reader holds back what was stamped since it began, and nothing older") {
  const std::uint64_t before = Stamp();
  AdvanceAndFindOldest();
  std::latch reading(1);
  std::latch done(1);
  std::thread reader([&] {
    const Guard guard(ThisThread());
    reading.count_down();
    done.wait();
  });
  reading.wait();
  const std::uint64_t during = Stamp();
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t oldest = AdvanceAndFindOldest();
    CHECK(oldest > before);
    CHECK(oldest <= during);
  }
  done.count_down();
  WaitForReaders();
  CHECK(AdvanceAndFindOldest() > during);
  reader.join();
}

TEST_CASE("epoch: threads at one time have slots of their own, ended ones leave theirs to others") {
  const auto run = [](std::size_t threads) {
    std::vector<ThreadSlot*> slots(threads);
    std::latch registered(static_cast<std::ptrdiff_t>(threads));
    std::vector<std::jthread> running;
    for (std::size_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        slots[i] = &ThisThread();
        registered.arrive_and_wait();
      });
    }
    running.clear();
    std::set<std::uint32_t> indices;
    for (const ThreadSlot* slot : slots) indices.insert(slot->index);
    return indices;
  };
  const auto first = run(20);
  CHECK(first.size() == 20);
  const auto second = run(20);
  CHECK(second.size() == 20);
  CHECK(*second.rbegin() <= *first.rbegin());
}

// Registers once more when its thread ends.
struct Late {
  ~Late() { ThisThread(); }
};

TEST_CASE("epoch: a thread whose thread_local objects use a cache as they go leaves its slot too") {
  const auto run = [] {
    std::thread([] {
      thread_local Late late;
      [[maybe_unused]] Late* made = &late;  // before the slot, so destroyed after it
      ThisThread();
    }).join();
  };
  run();
  const std::size_t before = Threads();
  for (int i = 0; i < 50; ++i) run();  // more than others have left behind
  CHECK(Threads() == before);
}

// Every call of membarrier fails from now on.
void RefuseMembarrier() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {.len = std::size(filter), .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(2);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(2);
}

TEST_CASE("epoch: where membarrier is refused after it was granted, nothing is reused") {
  if (!internal::asymmetric) return;  // membarrier is not in use
  const int status = testing::StatusOfChild([] {
    std::signal(SIGABRT, SIG_DFL);  // without the test's report
    std::fclose(stderr);
    RefuseMembarrier();
    AdvanceAndFindOldest();
  });
  REQUIRE(status != -1);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) return;  // no seccomp here
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

}  // namespace
}  // namespace kvcache::epoch
