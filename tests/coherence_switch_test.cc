// SetPolicy and SetCapacity in the middle of everything: nothing stale, nothing lost, nobody waits.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "support/changes.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

constexpr std::uint64_t kCapacity = std::uint64_t{8} << 20;

struct Switch {
  std::string name;
  std::function<void(Cache&)> run;
  bool keeps_contents = true;
};

void SetCapacity(Cache& cache, std::uint64_t bytes) {
  CHECK(Text(cache.SetCapacity(bytes)) == "ok");
}

std::vector<Switch> Switches() {
  std::vector<Switch> switches;
  for (const PolicyInfo& policy : RegisteredPolicies()) {
    switches.push_back({"policy " + policy.name, [name = policy.name](Cache& cache) {
                          CHECK(Text(cache.SetPolicy(name)) == "ok");
                        }});
  }
  switches.push_back({"capacity doubled", [](Cache& cache) { SetCapacity(cache, 2 * kCapacity); }});
  switches.push_back({"capacity halved", [](Cache& cache) { SetCapacity(cache, kCapacity / 2); }});
  const auto to_zero_and_back = [](Cache& cache) {
    SetCapacity(cache, 0);
    CHECK(cache.GetStats().total.entries == 0);
    SetCapacity(cache, kCapacity);
  };
  switches.push_back({"capacity to 0 and back", to_zero_and_back, false});
  const auto to_entries_and_back = [](Cache& cache) {
    CHECK(Text(cache.SetCapacityEntries(1000)) == "ok");
    SetCapacity(cache, kCapacity);
  };
  switches.push_back({"capacity to entries and back", to_entries_and_back});
  return switches;
}

void ForEachSwitch(const std::function<void(Scene&, const Switch&)>& play) {
  for (const Switch& change : Switches()) {
    CAPTURE(change.name);
    ForEachPolicy(Capacity(kCapacity, 2), [&](Scene& scene) {
      scene.PutBehind("k", "old");
      play(scene, change);
    });
  }
}

TEST_CASE("a switch keeps what is cached") {
  ForEachSwitch([](Scene& scene, const Switch& change) {
    for (int i = 0; i < 100; ++i) CHECK(scene.Put(std::to_string(i), "v") == "ok");
    change.run(scene.cache());
    int hits = 0;
    for (int i = 0; i < 100; ++i) hits += scene.Look(std::to_string(i)) == "v, hit" ? 1 : 0;
    CHECK(hits == (change.keeps_contents ? 100 : 0));
  });
}

TEST_CASE("a switch during a load waits for nobody, and the load is cached") {
  for (const Point point : {Point::kBeforeRead, Point::kAfterRead}) {
    CAPTURE(point);
    ForEachSwitch([&](Scene& scene, const Switch& change) {
      scene.Warm("j", "v");
      const auto gate = scene.store().Hold(point, "k");
      Task first = scene.StartGet("k");
      gate->AwaitArrival();
      change.run(scene.cache());
      Task second = scene.StartGet("k");
      CHECK(second.AwaitBlocked());  // the load is still registered, and shared
      CHECK(Text(scene.cache().Get("j")) == "v");
      gate->Open();
      CHECK(first.Join() == "old, read");
      CHECK(second.Join() == "old, read");
      CHECK(scene.Look("k") == "old, hit");
      CHECK(scene.stats().stale_loads == 0);
      scene.CheckSettled("j");
    });
  }
}

TEST_CASE("a load begun before a switch is still made stale by a change after it") {
  for (const Change& overtaker : AllChanges()) {
    CAPTURE(overtaker.name);
    ForEachSwitch([&](Scene& scene, const Switch& change) {
      const auto gate = scene.store().Hold(Point::kAfterRead, "k");
      Task reader = scene.StartGet("k");
      gate->AwaitArrival();
      change.run(scene.cache());
      Apply(scene, overtaker);
      gate->Open();
      CHECK(reader.Join() == "old, read");
      CHECK(scene.Look("k") == FirstLookAfter(overtaker));
      scene.CheckSettled("k");
    });
  }
}

TEST_CASE("a switch during a write: its mark lasts, and what it wrote is cached") {
  for (const Point point : {Point::kBeforeWrite, Point::kAfterWrite}) {
    CAPTURE(point);
    for (const Change& slow : Writes()) {
      CAPTURE(slow.name);
      ForEachSwitch([&](Scene& scene, const Switch& change) {
        const auto gate = scene.store().Hold(point);
        Task write = Start(scene, slow);
        gate->AwaitArrival();
        change.run(scene.cache());
        const std::string during = Read(ReadStore(scene.behind(), "k"));
        CHECK(scene.Look("k") == during);
        CHECK(scene.Look("k") == during);
        gate->Open();
        CHECK(write.Join() == "ok");
        CHECK(scene.Look("k") == FirstLookAfter(slow));
        scene.CheckSettled("k");
      });
    }
  }
}

TEST_CASE("crossing writes with a switch between them are not cached") {
  ForEachSwitch([](Scene& scene, const Switch& change) {
    const auto gate = scene.store().Hold(Point::kAfterWrite, "A");
    Task write = scene.StartPut("k", "A");
    gate->AwaitArrival();
    change.run(scene.cache());
    CHECK(scene.Put("k", "B") == "ok");
    change.run(scene.cache());
    gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(scene.Look("k") == "B, read");
    CHECK(scene.Look("k") == "B, hit");
  });
}

TEST_CASE("at capacity 0 everything is served, nothing cached, and loads are marked all the same") {
  for (const Change& overtaker : AllChanges()) {
    CAPTURE(overtaker.name);
    ForEachPolicy(Capacity(0, 2), [&](Scene& scene) {
      scene.PutBehind("k", "old");
      const auto gate = scene.store().Hold(Point::kAfterRead, "k");
      Task reader = scene.StartGet("k");
      gate->AwaitArrival();
      Apply(scene, overtaker);
      CHECK(Text(scene.cache().SetCapacity(kCapacity)) == "ok");
      gate->Open();
      CHECK(reader.Join() == "old, read");
      CHECK(scene.Look("k") == Read(overtaker.after));
      scene.CheckSettled("k");
    });
  }
}

TEST_CASE("a computation spans switches") {
  ForEachSwitch([](Scene& scene, const Switch& change) {
    const auto compute = [&]() -> Result<std::string> {
      change.run(scene.cache());
      return "computed";
    };
    CHECK(Text(scene.cache().GetOrCompute("new key", compute)) == "computed");
    CHECK(scene.Look("new key") == "computed, hit");
  });
}

}  // namespace
}  // namespace kvcache::testing
