// Epochs: what a guard protects is not reused, and what none protects is.
#include "base/epoch.h"

#include <doctest/doctest.h>

#include <latch>
#include <set>
#include <thread>
#include <vector>

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

}  // namespace
}  // namespace kvcache::epoch
