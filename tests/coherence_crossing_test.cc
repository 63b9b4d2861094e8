// Writes that overlap: nobody knows which the store took last, so none of them is cached.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

#include "support/changes.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

// A Put of "k" stopped before and after the store takes it; in the text it is known by its value.
struct SteppedPut {
  SteppedPut(Scene& scene, const std::string& value)
      : before(scene.store().Hold(Point::kBeforeWrite, value)),
        after(scene.store().Hold(Point::kAfterWrite, value)),
        task(scene.StartPut("k", value)) {
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

TEST_CASE("two writes of one key cross: not cached, in every order of commits and returns") {
  for (const bool a_commits_first : {true, false}) {
    for (const bool a_returns_first : {true, false}) {
      CAPTURE(a_commits_first);
      CAPTURE(a_returns_first);
      ForEachPolicy([&](Scene& scene) {
        scene.Warm("k", "old");
        SteppedPut a(scene, "A");
        SteppedPut b(scene, "B");
        (a_commits_first ? a : b).Commit();
        (a_commits_first ? b : a).Commit();
        const std::string last = a_commits_first ? "B" : "A";
        (a_returns_first ? a : b).Return();
        CHECK(scene.Look("k") == last + ", read");
        CHECK(scene.Look("k") == last + ", read");
        (a_returns_first ? b : a).Return();
        CHECK(scene.stats().entries == 0);
        CHECK(scene.Look("k") == last + ", read");
        CHECK(scene.Look("k") == last + ", hit");
      });
    }
  }
}

TEST_CASE("a write that begins and ends within another: neither is cached") {
  for (const bool outer_commits_first : {true, false}) {
    CAPTURE(outer_commits_first);
    ForEachPolicy([&](Scene& scene) {
      SteppedPut outer(scene, "A");
      if (outer_commits_first) outer.Commit();
      CHECK(scene.Put("k", "B") == "ok");
      CHECK(scene.Look("k") == "B, read");
      CHECK(scene.Look("k") == "B, read");
      if (!outer_commits_first) outer.Commit();
      outer.Return();
      const std::string last = outer_commits_first ? "B" : "A";
      CHECK(scene.Look("k") == last + ", read");
      CHECK(scene.Look("k") == last + ", hit");
    });
  }
}

TEST_CASE("a chain of writes, the first ended before the last began: none is cached") {
  ForEachPolicy([](Scene& scene) {
    SteppedPut a(scene, "A");
    SteppedPut b(scene, "B");
    a.Commit();
    a.Return();
    SteppedPut c(scene, "C");  // crosses b alone
    c.Commit();
    b.Commit();
    b.Return();
    CHECK(scene.Look("k") == "B, read");
    c.Return();
    CHECK(scene.Look("k") == "B, read");
    CHECK(scene.Look("k") == "B, hit");
  });
}

TEST_CASE("after the last of crossing writes has ended, a write is cached again") {
  ForEachPolicy([](Scene& scene) {
    SteppedPut a(scene, "A");
    SteppedPut b(scene, "B");
    a.Commit();
    b.Commit();
    a.Return();
    b.Return();
    CHECK(scene.Put("k", "C") == "ok");
    CHECK(scene.Look("k") == "C, hit");
  });
}

TEST_CASE("writes of different keys do not cross") {
  ForEachPolicy([](Scene& scene) {
    SteppedPut a(scene, "A");
    for (const std::string key : {"a", "kk", "l"}) {
      CHECK(scene.Put(key, "v") == "ok");
      CHECK(scene.Look(key) == "v, hit");
    }
    a.Commit();
    a.Return();
    CHECK(scene.Look("k") == "A, hit");
  });
}

// `slow` is stopped before or after its commit while `change` comes and goes.
void CheckCrossed(Scene& scene, const Change& slow, const Change& change, Point stop) {
  const auto gate = scene.store().Hold(stop);
  Task write = Start(scene, slow);
  gate->AwaitArrival();
  Apply(scene, change);
  const std::string between = ReadStore(scene.behind(), "k");
  CHECK(scene.Look("k") == Read(between));
  CHECK(scene.Look("k") == Read(between));  // nothing is cached while a write lasts
  gate->Open();
  CHECK(write.Join() == "ok");
  CHECK(scene.Look("k") == Read(ReadStore(scene.behind(), "k")));
  scene.CheckSettled("k");
}

// Among them: A commits 1, an outsider writes 2, Invalidate ends, A ends. It must not cache 1.
TEST_CASE("any change of a key that comes and goes during a write of it: not cached") {
  for (const Change& slow : Writes()) {
    CAPTURE(slow.name);
    for (const Point stop : {Point::kBeforeWrite, Point::kAfterWrite}) {
      CAPTURE(stop);
      ForEach(AllChanges(),
              [&](Scene& scene, const Change& change) { CheckCrossed(scene, slow, change, stop); });
    }
  }
}

TEST_CASE("an invalidation of other keys during a write does not keep it from being cached") {
  ForEachPolicy([](Scene& scene) {
    SteppedPut put(scene, "A");
    scene.cache().Invalidate("j");
    scene.cache().InvalidatePrefix("kk");
    scene.cache().InvalidatePrefix("j");
    CHECK(Text(scene.cache().DeleteRange("l", "z")) == "ok");
    CHECK(Text(scene.cache().DeleteRange("a", "k")) == "ok");
    put.Commit();
    put.Return();
    CHECK(scene.Look("k") == "A, hit");
  });
}

TEST_CASE("a write that fails while another crosses it: neither is cached") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "old");
    SteppedPut a(scene, "A");
    scene.faults().FailNextWrite();
    CHECK(scene.Put("k", "B") == "error: injected");
    a.Commit();
    a.Return();
    CHECK(scene.Look("k") == "A, read");
    CHECK(scene.Look("k") == "A, hit");
  });
}

TEST_CASE("CatchUp is a write of every key") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("j", "old");
    scene.Warm("k", "old");
    scene.store().OnCatchUp([&] { return PutStore(scene.behind(), "k", "new"); });
    const auto before = scene.store().Hold(Point::kBeforeCatchUp);
    const auto after = scene.store().Hold(Point::kAfterCatchUp);
    Task catch_up([&] { return Text(scene.cache().CatchUp()); });
    before->AwaitArrival();
    for (int i = 0; i < 2; ++i) {
      CHECK(scene.Look("j") == "old, read");
      CHECK(scene.Look("k") == "old, read");
    }
    before->Open();
    after->AwaitArrival();
    for (int i = 0; i < 2; ++i) CHECK(scene.Look("k") == "new, read");
    CHECK(scene.Put("i", "crossing") == "ok");
    after->Open();
    CHECK(catch_up.Join() == "ok");
    for (const std::string key : {"i", "j", "k"}) {
      CHECK(scene.Look(key) == ReadStore(scene.behind(), key) + ", read");
      scene.CheckSettled(key);
    }
  });
}

TEST_CASE("CatchUp that the store cannot do reports that, and caching goes on") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("k", "v");
    const auto result = scene.cache().CatchUp();
    CHECK_FALSE(result);
    if (!result) CHECK(result.error().code == ErrorCode::kNotSupported);
    scene.CheckSettled("k");
    CHECK(scene.Put("k", "new") == "ok");
    CHECK(scene.Look("k") == "new, hit");
  });
}

}  // namespace
}  // namespace kvcache::testing
