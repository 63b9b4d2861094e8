// MultiGet: a set of Gets that reads the store once and waits for nobody while it owes a load.
#include <doctest/doctest.h>

#include <array>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "support/changes.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

Task StartMultiGet(Scene& scene, std::vector<std::string_view> keys) {
  return Task([&scene, keys = std::move(keys)] { return LookAtAll(scene.cache(), keys); });
}

TEST_CASE("the misses of a MultiGet are one read of the store") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "b", "c"}) scene.PutBehind(key, key + "1");
    CHECK(scene.Look("b") == "b1, read");
    const auto calls = scene.store().read_calls();
    CHECK(LookAtAll(scene.cache(), {"c", "b", "x", "a"}) ==
          "c1, read; b1, hit; (absent); a1, read");
    CHECK(scene.store().read_calls() == calls + 1);
    CHECK(LookAtAll(scene.cache(), {"a", "b", "c"}) == "a1, hit; b1, hit; c1, hit");
    CHECK(scene.store().read_calls() == calls + 1);
    CHECK(LookAtAll(scene.cache(), {}).empty());
  });
}

TEST_CASE("a key given twice to a MultiGet is read once and counted twice") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("a", "1");
    scene.PutBehind("b", "2");
    CHECK(LookAtAll(scene.cache(), {"a", "b", "a", "x", "x"}) ==
          "1, read; 2, read; 1, read; (absent); (absent)");
    CHECK(scene.store().reads("a") == 1);
    CHECK(scene.store().reads("x") == 1);
    const ShardStats stats = scene.stats();
    CHECK(stats.hits + stats.misses == 5);
    CHECK(stats.absent == 2);
    CHECK(stats.loads == 3);
    CHECK(LookAtAll(scene.cache(), {"a", "a"}) == "1, hit; 1, hit");
    CHECK(scene.stats().hits == stats.hits + 2);
  });
}

TEST_CASE("a MultiGet shares a load that another reader began, and reads the rest itself") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("a", "1");
    scene.PutBehind("b", "2");
    const auto gate = scene.store().Hold(Point::kAfterRead, "a");
    Task owner = scene.StartGet("a");
    gate->AwaitArrival();
    Task sharer = StartMultiGet(scene, {"a", "b"});
    CHECK(sharer.AwaitBlocked());
    CHECK(scene.Look("b") == "2, hit");  // its own load is complete, before it waits
    gate->Open();
    CHECK(owner.Join() == "1, read");
    CHECK(sharer.Join() == "1, read; 2, read");
    CHECK(scene.store().reads("a") == 1);
    CHECK(scene.store().reads("b") == 1);
    CHECK(scene.stats().shared_loads == 1);
  });
}

TEST_CASE("a Get shares a load of a MultiGet") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("a", "1");
    scene.PutBehind("b", "2");
    const auto gate = scene.store().Hold(Point::kBeforeRead);
    Task owner = StartMultiGet(scene, {"a", "b"});
    gate->AwaitArrival();
    Task sharer = scene.StartGet("b");
    CHECK(sharer.AwaitBlocked());
    gate->Open();
    CHECK(owner.Join() == "1, read; 2, read");
    CHECK(sharer.Join() == "2, read");
    CHECK(scene.store().reads("b") == 1);
  });
}

TEST_CASE("MultiGets that each own what the other waits for do not deadlock") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "b", "c"}) scene.PutBehind(key, key + "1");
    const auto gate1 = scene.store().Hold(Point::kBeforeRead);
    Task first = StartMultiGet(scene, {"a", "b"});
    gate1->AwaitArrival();  // owns a and b
    const auto gate2 = scene.store().Hold(Point::kBeforeRead);
    Task second = StartMultiGet(scene, {"c", "b", "a"});
    gate2->AwaitArrival();  // owns c, has met the loads of b and a
    Task third = StartMultiGet(scene, {"a", "c"});
    CHECK(third.AwaitBlocked());
    gate2->Open();
    CHECK(Text(scene.cache().Get("c")) == "c1");  // though the loads of a and b still stand
    gate1->Open();
    CHECK(first.Join() == "a1, read; b1, read");
    CHECK(second.Join() == "c1, read; b1, read; a1, read");
    CHECK(third.Join() == "a1, read; c1, read");
    for (const std::string key : {"a", "b", "c"}) CHECK(scene.store().reads(key) == 1);
  });
}

// Registers loads in opposite orders at once, over and over: two that each wait for the other's
// before they have done their own would stop here.
TEST_CASE("MultiGets of the same keys in opposite orders, thousands of times") {
  constexpr int kRounds = 3000;
  Scene scene(Capacity(std::uint64_t{4} << 20, 8));
  const std::vector<std::string_view> keys = {"a", "b", "c", "d", "e", "f", "g", "h"};
  for (const std::string_view key : keys) scene.PutBehind(key, "v");
  const auto run = [&](std::vector<std::string_view> order) {
    for (int round = 0; round < kRounds; ++round) {
      for (const auto& answer : scene.cache().MultiGet(order)) {
        if (Text(answer) != "v") return Text(answer);
      }
      scene.cache().Invalidate(order[static_cast<std::size_t>(round) % order.size()]);
    }
    return std::string("ok");
  };
  Task forward([&] { return run(keys); });
  Task backward([&] { return run({keys.rbegin(), keys.rend()}); });
  CHECK(forward.Join() == "ok");
  CHECK(backward.Join() == "ok");
}

TEST_CASE("a MultiGet overtaken on one key caches the others") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    scene.PutBehind("a", "1");
    const auto gate = scene.store().Hold(Point::kAfterRead);
    Task reader = StartMultiGet(scene, {"a", "k"});
    gate->AwaitArrival();
    Apply(scene, change);
    gate->Open();
    CHECK(reader.Join() == "1, read; old, read");
    CHECK(scene.Look("k") == FirstLookAfter(change));
    scene.CheckSettled("k");
    if (change.name == "Put") CHECK(scene.Look("a") == "1, hit");
    scene.CheckSettled("a");
  });
}

TEST_CASE("a MultiGet beside a write reads the written key for itself") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "k"}) scene.PutBehind(key, "old");
    const auto gate = scene.store().Hold(Point::kBeforeWrite);
    Task write = scene.StartPut("k", "new");
    gate->AwaitArrival();
    const auto calls = scene.store().read_calls();
    CHECK(LookAtAll(scene.cache(), {"a", "k"}) == "old, read; old, read");
    CHECK(scene.store().read_calls() == calls + 1);
    CHECK(LookAtAll(scene.cache(), {"a", "k"}) == "old, hit; old, read");
    gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(LookAtAll(scene.cache(), {"a", "k"}) == "old, hit; new, hit");
  });
}

TEST_CASE("a MultiGet whose read fails: an error for each miss, hits are answered") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("a", "1");
    scene.PutBehind("b", "2");
    scene.PutBehind("c", "3");
    scene.faults().FailNextRead();
    CHECK(LookAtAll(scene.cache(), {"a", "b", "c"}) == "1, hit; error: injected; error: injected");
    CHECK(scene.stats().load_errors == 2);
    scene.faults().FailNextRead(Fault::kException);
    for (const auto& answer : scene.cache().MultiGet(std::array<std::string_view, 2>{"b", "c"})) {
      CHECK_FALSE(answer);
    }
    CHECK(LookAtAll(scene.cache(), {"a", "b", "c"}) == "1, hit; 2, read; 3, read");
  });
}

TEST_CASE("a MultiGet that runs out of memory leaves no load behind") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("b", "2");
    scene.faults().FailNextRead(Fault::kBadAlloc);
    Task reader = StartMultiGet(scene, {"b", "c"});
    CHECK(reader.Join() == "bad_alloc");
    CHECK(LookAtAll(scene.cache(), {"b", "c"}) == "2, read; (absent)");
    scene.CheckSettled("b");
  });
}

}  // namespace
}  // namespace kvcache::testing
