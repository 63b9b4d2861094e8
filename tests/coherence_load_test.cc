// Loads: shared, overtaken, failed, and kept away from writes under way.
#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <string>

#include "support/changes.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

TEST_CASE("a load overtaken after it read the old value: its reader gets that, nobody else does") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    const auto gate = scene.store().Hold(Point::kAfterRead, "k");
    Task reader = scene.StartGet("k");
    gate->AwaitArrival();
    Apply(scene, change);
    gate->Open();
    CHECK(reader.Join() == "old, read");
    CHECK(scene.stats().stale_loads == 1);
    CHECK(scene.Look("k") == FirstLookAfter(change));
    scene.CheckSettled("k");
  });
}

TEST_CASE("a load overtaken before it reads the store gets the new value and does not cache it") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    const auto gate = scene.store().Hold(Point::kBeforeRead, "k");
    Task reader = scene.StartGet("k");
    gate->AwaitArrival();
    Apply(scene, change);
    gate->Open();
    CHECK(reader.Join() == Read(change.after));
    CHECK(scene.stats().stale_loads == 1);
    CHECK(scene.Look("k") == FirstLookAfter(change));
    scene.CheckSettled("k");
  });
}

TEST_CASE("a stale load takes no further readers") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    const auto gate = scene.store().Hold(Point::kAfterRead, "k");
    Task early = scene.StartGet("k");
    gate->AwaitArrival();
    Apply(scene, change);
    CHECK(scene.Look("k") == FirstLookAfter(change));  // while the stale load still stands
    gate->Open();
    CHECK(early.Join() == "old, read");
    CHECK(scene.stats().shared_loads == 0);
    scene.CheckSettled("k");
  });
}

TEST_CASE("readers that waited for a load before it became stale get what it read") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    const auto gate = scene.store().Hold(Point::kAfterRead, "k");
    Task first = scene.StartGet("k");
    gate->AwaitArrival();
    Task second = scene.StartGet("k");
    CHECK(second.AwaitBlocked());
    Apply(scene, change);
    gate->Open();
    CHECK(first.Join() == "old, read");
    CHECK(second.Join() == "old, read");
    CHECK(scene.stats().shared_loads == 1);
    CHECK(scene.Look("k") == FirstLookAfter(change));
    scene.CheckSettled("k");
  });
}

TEST_CASE("a stale load that ends first leaves the newer load of its key alone") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "old");
    const auto old_gate = scene.store().Hold(Point::kAfterRead, "k");
    Task old_reader = scene.StartGet("k");
    old_gate->AwaitArrival();
    CHECK(Text(scene.cache().Put("k", "new", {.fill_tier = false})) == "ok");
    const auto new_gate = scene.store().Hold(Point::kAfterRead, "k");
    Task new_reader = scene.StartGet("k");
    new_gate->AwaitArrival();

    old_gate->Open();
    CHECK(old_reader.Join() == "old, read");
    Task sharing_reader = scene.StartGet("k");
    CHECK(sharing_reader.AwaitBlocked());  // it waits for the newer load: that is still registered
    CHECK(scene.store().reads("k") == 2);
    new_gate->Open();
    CHECK(new_reader.Join() == "new, read");
    CHECK(sharing_reader.Join() == "new, read");
    CHECK(scene.Look("k") == "new, hit");
    CHECK(scene.stats().stale_loads == 1);
    CHECK(scene.stats().shared_loads == 1);
  });
}

TEST_CASE("a stale load that ends last leaves what the newer load cached alone") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "old");
    const auto gate = scene.store().Hold(Point::kAfterRead, "k");
    Task old_reader = scene.StartGet("k");
    gate->AwaitArrival();
    CHECK(Text(scene.cache().Put("k", "new", {.fill_tier = false})) == "ok");
    CHECK(scene.Look("k") == "new, read");
    CHECK(scene.Look("k") == "new, hit");
    gate->Open();
    CHECK(old_reader.Join() == "old, read");
    CHECK(scene.Look("k") == "new, hit");
  });
}

TEST_CASE("a stale load that fails leaves the newer load of its key alone") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "old");
    const auto old_gate = scene.store().Hold(Point::kBeforeRead, "k");
    Task old_reader = scene.StartGet("k");
    old_gate->AwaitArrival();
    scene.cache().Invalidate("k");
    const auto new_gate = scene.store().Hold(Point::kAfterRead, "k");
    Task new_reader = scene.StartGet("k");
    new_gate->AwaitArrival();

    scene.faults().FailNextRead();
    old_gate->Open();
    CHECK(old_reader.Join() == "error: injected");
    new_gate->Open();
    CHECK(new_reader.Join() == "old, read");
    CHECK(scene.Look("k") == "old, hit");
  });
}

TEST_CASE("many readers of one missing key share one load") {
  ForEachPolicy([](Scene& scene) {
    constexpr std::size_t kWaiters = 6;
    scene.PutBehind("k", "v");
    const auto gate = scene.store().Hold(Point::kBeforeRead, "k");
    Task first = scene.StartGet("k");
    gate->AwaitArrival();
    std::deque<Task> waiters;
    for (std::size_t i = 0; i < kWaiters; ++i) {
      waiters.emplace_back([&] { return scene.Look("k"); });
      CHECK(waiters.back().AwaitBlocked());
    }
    gate->Open();
    CHECK(first.Join() == "v, read");
    for (Task& waiter : waiters) CHECK(waiter.Join() == "v, read");
    CHECK(scene.store().reads("k") == 1);
    const ShardStats stats = scene.stats();
    CHECK(stats.misses == kWaiters + 1);
    CHECK(stats.loads == 1);
    CHECK(stats.shared_loads == kWaiters);
    CHECK(stats.inserts == 1);
    CHECK(scene.Look("k") == "v, hit");
  });
}

TEST_CASE("readers of a key that the store does not have share its load too") {
  ForEachPolicy([](Scene& scene) {
    const auto gate = scene.store().Hold(Point::kBeforeRead, "k");
    Task first = scene.StartGet("k");
    gate->AwaitArrival();
    Task second = scene.StartGet("k");
    CHECK(second.AwaitBlocked());
    gate->Open();
    CHECK(first.Join() == kAbsent);
    CHECK(second.Join() == kAbsent);
    CHECK(scene.store().reads("k") == 1);
    CHECK(scene.stats().absent == 2);
    CHECK(scene.stats().entries == 0);
  });
}

void CheckFailedLoad(Scene& scene, Fault fault, const std::string& error) {
  const auto gate = scene.store().Hold(Point::kBeforeRead, "k");
  Task first = scene.StartGet("k");
  gate->AwaitArrival();
  Task second = scene.StartGet("k");
  CHECK(second.AwaitBlocked());
  scene.faults().FailNextRead(fault);
  gate->Open();
  CHECK(first.Join().starts_with(error));
  CHECK(second.Join().starts_with(error));
  CHECK(scene.stats().load_errors == 1);
  CHECK(scene.stats().entries == 0);
  CHECK(scene.Look("k") == "v, read");
  CHECK(scene.Look("k") == "v, hit");
}

TEST_CASE("a load that fails: each of its readers gets the error, and the next Get loads again") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "v");
    CheckFailedLoad(scene, Fault::kError, "error: injected");
  });
}

TEST_CASE("a load whose store throws: each of its readers gets an error") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "v");
    CheckFailedLoad(scene, Fault::kException, "error: ");
    scene.cache().Invalidate("k");
    scene.faults().FailNextRead(Fault::kException);
    const auto answer = scene.cache().Get("k");
    CHECK_FALSE(answer);
    if (!answer) CHECK(answer.error().code == ErrorCode::kInternal);
  });
}

TEST_CASE("a load that runs out of memory: bad_alloc reaches its caller, no reader hangs") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "v");
    const auto gate = scene.store().Hold(Point::kBeforeRead, "k");
    Task first = scene.StartGet("k");
    gate->AwaitArrival();
    Task second = scene.StartGet("k");
    CHECK(second.AwaitBlocked());
    scene.faults().FailNextRead(Fault::kBadAlloc);
    gate->Open();
    CHECK(first.Join() == "bad_alloc");
    CHECK_FALSE(second.Join().empty());  // an error, bad_alloc, or the value from a load of its own
    scene.CheckSettled("k");
  });
}

TEST_CASE("a failed load that was overtaken: error to its reader, and the write stays cached") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "old");
    const auto gate = scene.store().Hold(Point::kBeforeRead, "k");
    Task reader = scene.StartGet("k");
    gate->AwaitArrival();
    CHECK(scene.Put("k", "new") == "ok");
    scene.faults().FailNextRead();
    gate->Open();
    CHECK(reader.Join() == "error: injected");
    CHECK(scene.Look("k") == "new, hit");
  });
}

}  // namespace
}  // namespace kvcache::testing
