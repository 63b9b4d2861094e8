// DeleteRange: a write of every key in the range, known to the tier or not.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

#include "support/changes.h"
#include "support/reversed_store.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

// A DeleteRange stopped before and after the store takes it.
struct SteppedRange {
  SteppedRange(Scene& scene, const std::string& begin, const std::string& end)
      : before(scene.store().Hold(Point::kBeforeWrite, begin)),
        after(scene.store().Hold(Point::kAfterWrite, begin)),
        task(scene.StartDeleteRange(begin, end)) {
    before->AwaitArrival();
  }
  void Commit() {
    before->Open();
    after->AwaitArrival();
  }
  void Return() {
    after->Open();
    CHECK(task.Join() == "ok");
  }

  std::shared_ptr<Gate> before;
  std::shared_ptr<Gate> after;
  Task task;
};

TEST_CASE("a range delete drops its keys before the store is written and nobody caches them") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "b", "c", "d"}) scene.Warm(key, "old");
    scene.PutBehind("bb", "old");
    SteppedRange range(scene, "b", "d");
    for (int i = 0; i < 2; ++i) {
      for (const std::string key : {"b", "bb", "c"}) CHECK(scene.Look(key) == "old, read");
      for (const std::string key : {"a", "d"}) CHECK(scene.Look(key) == "old, hit");
    }
    range.Commit();
    for (int i = 0; i < 2; ++i) {
      for (const std::string key : {"b", "bb", "c"}) CHECK(scene.Look(key) == kAbsent);
    }
    range.Return();
    for (const std::string key : {"b", "bb", "c"}) CHECK(scene.Look(key) == kAbsent);
    for (const std::string key : {"a", "d"}) CHECK(scene.Look(key) == "old, hit");
    CHECK(scene.stats().entries == 2);
  });
}

TEST_CASE("keys outside a range are read, written and cached while it is being deleted") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("a", "v");
    SteppedRange range(scene, "b", "d");
    CHECK(scene.Look("a") == "v, read");
    CHECK(scene.Look("a") == "v, hit");
    for (const std::string key : {"d", "da", "", "az"}) {
      CHECK(scene.Put(key, "new") == "ok");
      CHECK(scene.Look(key) == "new, hit");
    }
    range.Commit();
    range.Return();
    for (const std::string key : {"d", "da", "", "az"}) CHECK(scene.Look(key) == "new, hit");
  });
}

TEST_CASE("a write in the range crosses the range delete, whichever ends first") {
  for (const bool range_commits_first : {true, false}) {
    for (const bool range_returns_first : {true, false}) {
      CAPTURE(range_commits_first);
      CAPTURE(range_returns_first);
      ForEachPolicy([&](Scene& scene) {
        SteppedRange range(scene, "b", "d");
        const auto before = scene.store().Hold(Point::kBeforeWrite, "new");
        const auto after = scene.store().Hold(Point::kAfterWrite, "new");
        Task put = scene.StartPut("c", "new");
        before->AwaitArrival();
        if (range_commits_first) range.Commit();
        before->Open();
        after->AwaitArrival();
        if (!range_commits_first) range.Commit();
        if (range_returns_first) range.Return();
        after->Open();
        CHECK(put.Join() == "ok");
        if (!range_returns_first) range.Return();
        CHECK(scene.Look("c") == (range_commits_first ? "new, read" : kAbsent));
        scene.CheckSettled("c");
      });
    }
  }
}

TEST_CASE("a write that began before the range delete and outlives it is not cached") {
  ForEachPolicy([](Scene& scene) {
    const auto after = scene.store().Hold(Point::kAfterWrite, "new");
    Task put = scene.StartPut("c", "new");
    after->AwaitArrival();
    CHECK(Text(scene.cache().DeleteRange("b", "d")) == "ok");
    after->Open();
    CHECK(put.Join() == "ok");
    CHECK(scene.Look("c") == kAbsent);
  });
}

TEST_CASE("of two overlapping range deletes the one that lasts keeps its keys out") {
  for (const bool first_ends_first : {true, false}) {
    CAPTURE(first_ends_first);
    ForEachPolicy([&](Scene& scene) {
      for (const std::string key : {"a", "c", "e"}) scene.Warm(key, "old");
      SteppedRange first(scene, "a", "d");
      SteppedRange second(scene, "b", "f");
      SteppedRange& ends = first_ends_first ? first : second;
      SteppedRange& lasts = first_ends_first ? second : first;
      ends.Commit();
      ends.Return();
      const std::string covered = first_ends_first ? "e" : "a";
      const std::string freed = first_ends_first ? "a" : "e";
      CHECK(scene.Look(covered) == "old, read");
      CHECK(scene.Look(covered) == "old, read");
      CHECK(scene.Put("c", "new") == "ok");
      CHECK(scene.Look("c") == "new, read");
      CHECK(scene.Look("c") == "new, read");
      CHECK(scene.Put(freed, "new") == "ok");
      CHECK(scene.Look(freed) == "new, hit");
      lasts.Commit();
      lasts.Return();
      for (const std::string key : {"a", "c", "e"}) scene.CheckSettled(key);
      CHECK(scene.Look(freed) == "new, hit");
    });
  }
}

TEST_CASE("after a range delete its keys are cached again") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("b", "old");
    CHECK(Text(scene.cache().DeleteRange("a", "z")) == "ok");
    CHECK(scene.Look("b") == kAbsent);
    CHECK(scene.Put("b", "new") == "ok");
    CHECK(scene.Look("b") == "new, hit");
    scene.PutBehind("c", "v");
    CHECK(scene.Look("c") == "v, read");
    CHECK(scene.Look("c") == "v, hit");
  });
}

TEST_CASE("a range delete that fails leaves the tier without its keys") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("b", "old");
    scene.Warm("z", "old");
    scene.faults().FailNextWrite();
    CHECK(Text(scene.cache().DeleteRange("a", "c")) == "error: injected");
    CHECK(scene.Look("b") == "old, read");
    CHECK(scene.Look("b") == "old, hit");
    CHECK(scene.Look("z") == "old, hit");
  });
}

TEST_CASE("keys under a range of the same batch are not cached, those beside it are") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("b", "old");
    scene.Warm("c", "old");
    Batch batch;
    batch.Put("b", "lost");
    batch.DeleteRange("a", "d");
    batch.Put("c", "new");
    batch.Put("d", "new");  // the end of the range is outside it
    CHECK(Text(scene.cache().Write(batch)) == "ok");
    CHECK(scene.Look("b") == kAbsent);
    CHECK(scene.Look("c") == "new, read");
    CHECK(scene.Look("c") == "new, hit");
    CHECK(scene.Look("d") == "new, hit");
  });
}

TEST_CASE("an empty or reversed range deletes and drops nothing") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("b", "v");
    CHECK(Text(scene.cache().DeleteRange("b", "b")) == "ok");
    [[maybe_unused]] const auto reversed = scene.cache().DeleteRange("c", "a");
    CHECK(ReadStore(scene.behind(), "b") == "v");
    scene.CheckSettled("b");
    CHECK(scene.Put("b", "new") == "ok");
    CHECK(scene.Look("b") == "new, hit");
  });
}

TEST_CASE("a range over thousands of cached keys drops them all, in one write") {
  ForEachPolicy([](Scene& scene) {
    constexpr int kKeys = 5000;
    const auto name = [](int i) { return "key" + std::to_string(100'000 + i); };
    for (int i = 0; i < kKeys; ++i) CHECK(scene.Put(name(i), "v") == "ok");
    CHECK(scene.stats().entries == kKeys);
    const auto writes = scene.store().writes();
    CHECK(Text(scene.cache().DeleteRange(name(0), name(kKeys - 1))) == "ok");
    CHECK(scene.store().writes() == writes + 1);
    int found = 0;
    for (int i = 0; i < kKeys; ++i) found += scene.Look(name(i)) == kAbsent ? 0 : 1;
    CHECK(found == 1);
    CHECK(scene.stats().entries == 1);
  });
}

TEST_CASE("ranges follow the order of the store, not of the bytes") {
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    CAPTURE(policy.name);
    Options options;
    options.policy = policy.name;
    auto opened = Cache::Open(options, std::make_unique<ReversedStore>());
    REQUIRE(opened);
    Cache& cache = **opened;
    for (const std::string_view key : {"a", "b", "c", "d"}) {
      CHECK(Text(cache.Put(key, "v")) == "ok");
      CHECK(Look(cache, key) == "v, hit");
    }
    CHECK(Text(cache.DeleteRange("c", "a")) == "ok");  // c and b
    CHECK(Look(cache, "a") == "v, hit");
    CHECK(Look(cache, "b") == kAbsent);
    CHECK(Look(cache, "c") == kAbsent);
    CHECK(Look(cache, "d") == "v, hit");
    cache.InvalidatePrefix("d");
    CHECK(Look(cache, "d") == "v, read");
    CHECK(Look(cache, "a") == "v, hit");
  }
}

}  // namespace
}  // namespace kvcache::testing
