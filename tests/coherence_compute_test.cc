// GetOrCompute, cached absences, and Contains beside loads and writes.
#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <stdexcept>
#include <string>

#include "support/changes.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

Result<std::string> Never() {
  FAIL_CHECK("computed a value that the store has");
  return std::string();
}

// A computation that a test lets go on.
struct SlowComputation {
  explicit SlowComputation(Result<std::string> outcome) : result(std::move(outcome)) {}
  Result<std::string> operator()() {
    ++runs;
    gate.Pass();
    return result;
  }

  const Result<std::string> result;
  Gate gate;
  std::atomic<int> runs{0};
};

Task StartCompute(Scene& scene, SlowComputation& computation) {
  return Task([&] { return Text(scene.cache().GetOrCompute("k", [&] { return computation(); })); });
}

TEST_CASE("GetOrCompute computes what the store lacks, writes it through and caches it") {
  ForEachPolicy([](Scene& scene) {
    const auto compute = [] { return Result<std::string>("computed"); };
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "computed");
    CHECK(ReadStore(scene.behind(), "k") == "computed");
    CHECK(scene.Look("k") == "computed, hit");
    CHECK(Text(scene.cache().GetOrCompute("k", Never)) == "computed");
    scene.PutBehind("j", "stored");
    CHECK(Text(scene.cache().GetOrCompute("j", Never)) == "stored");
    CHECK(scene.Look("j") == "stored, hit");
  });
}

TEST_CASE("of callers that miss one absent key at once one computes and all get its value") {
  ForEachPolicy([](Scene& scene) {
    SlowComputation computation("computed");
    Task first = StartCompute(scene, computation);
    computation.gate.AwaitArrival();
    std::deque<Task> others;
    for (int i = 0; i < 4; ++i) {
      others.emplace_back(
          [&] { return Text(scene.cache().GetOrCompute("k", [&] { return computation(); })); });
      CHECK(others.back().AwaitBlocked());
    }
    computation.gate.Open();
    CHECK(first.Join() == "computed");
    for (Task& other : others) CHECK(other.Join() == "computed");
    CHECK(computation.runs == 1);
    CHECK(scene.store().writes() == 1);
  });
}

TEST_CASE("who waits for a computation does not get its value once that has been deleted") {
  ForEachPolicy([](Scene& scene) {
    SlowComputation first("first");
    first.gate.Open();
    const auto gate = scene.store().Hold(Point::kAfterWrite);
    Task earlier = StartCompute(scene, first);
    gate->AwaitArrival();
    CHECK(Text(scene.cache().Delete("k")) == "ok");
    SlowComputation second("second");
    second.gate.Open();
    Task later = StartCompute(scene, second);
    CHECK(later.AwaitBlocked());
    gate->Open();
    CHECK(earlier.Join() == "first");
    CHECK(later.Join() == "second");
    scene.CheckSettled("k");
  });
}

TEST_CASE("a computation that fails: its error for all who wait, nothing written") {
  ForEachPolicy([](Scene& scene) {
    SlowComputation computation(Fail(ErrorCode::kBusy, "no luck"));
    Task first = StartCompute(scene, computation);
    computation.gate.AwaitArrival();
    Task second = StartCompute(scene, computation);
    CHECK(second.AwaitBlocked());
    computation.gate.Open();
    CHECK(first.Join() == "error: no luck");
    CHECK(second.Join() == "error: no luck");
    CHECK(computation.runs == 1);
    CHECK(scene.store().writes() == 0);
    const auto compute = [] { return Result<std::string>("computed"); };
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "computed");
  });
}

TEST_CASE("a computation that throws leaves its key free") {
  ForEachPolicy([](Scene& scene) {
    Task caller([&] {
      return Text(scene.cache().GetOrCompute(
          "k", []() -> Result<std::string> { throw std::runtime_error("thrown"); }));
    });
    CHECK(caller.Join().find("thrown") != std::string::npos);
    const auto compute = [] { return Result<std::string>("computed"); };
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "computed");
    CHECK(scene.Look("k") == "computed, hit");
  });
}

TEST_CASE("GetOrCompute whose read or write of the store fails reports that") {
  ForEachPolicy([](Scene& scene) {
    scene.faults().FailNextRead();
    CHECK(Text(scene.cache().GetOrCompute("k", Never)) == "error: injected");
    scene.faults().FailNextWrite();
    const auto compute = [] { return Result<std::string>("computed"); };
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "error: injected");
    CHECK(scene.Look("k") == kAbsent);
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "computed");
  });
}

TEST_CASE("a computation may use the cache, and holds up nobody who only reads") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("j", "1");
    const auto compute = [&]() -> Result<std::string> {
      CHECK(scene.Look("k") == kAbsent);
      CHECK(scene.Put("i", "2") == "ok");
      return Text(scene.cache().Get("j")) + "+" + Text(scene.cache().Get("i"));
    };
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "1+2");
    CHECK(scene.Look("k") == "1+2, hit");
  });
}

TEST_CASE("changes of the key while its value is computed: cache and store still agree") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    CHECK(Text(scene.cache().Delete("k")) == "ok");
    SlowComputation computation("computed");
    Task caller = StartCompute(scene, computation);
    computation.gate.AwaitArrival();
    Apply(scene, change);
    computation.gate.Open();
    const std::string got = caller.Join();
    CHECK((got == "computed" || got == change.after));
    scene.CheckSettled("k");
  });
}

// What has to become of "computed" when the store has got `stored` while it was computed.
void CheckComputed(Scene& scene, SlowComputation& computation, Task& caller) {
  const std::string stored = ReadStore(scene.behind(), "k");
  computation.gate.Open();
  const bool again = stored == kAbsent;
  CHECK(caller.Join() == (again ? "computed" : stored));
  CHECK(computation.runs == (again ? 2 : 1));
  CHECK(ReadStore(scene.behind(), "k") == (again ? "computed" : stored));
  scene.CheckSettled("k");
}

TEST_CASE("what is computed does not replace what others have done to the key meanwhile") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    CHECK(Text(scene.behind().Delete("k", {})) == "ok");
    SlowComputation computation("computed");
    Task caller = StartCompute(scene, computation);
    computation.gate.AwaitArrival();
    Apply(scene, change);
    CheckComputed(scene, computation, caller);
  });
}

TEST_CASE("nor what others do once the store has said that the key is absent") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    CHECK(Text(scene.behind().Delete("k", {})) == "ok");
    const auto look = scene.store().Hold(Point::kAfterRead, "k");
    const auto second_look = scene.store().Hold(Point::kAfterRead, "k");
    look->Open();
    SlowComputation computation("computed");
    Task caller = StartCompute(scene, computation);
    second_look->AwaitArrival();
    Apply(scene, change);
    second_look->Open();
    computation.gate.AwaitArrival();
    CheckComputed(scene, computation, caller);
  });
}

TEST_CASE("of what is computed twice only the value that was written counts as a write") {
  ForEachPolicy([](Scene& scene) {
    SlowComputation computation("computed");
    Task caller = StartCompute(scene, computation);
    computation.gate.AwaitArrival();
    scene.cache().Invalidate("k");
    computation.gate.Open();
    CHECK(caller.Join() == "computed");
    CHECK(computation.runs == 2);
    const Stats stats = scene.cache().GetStats();
    CHECK(stats.total.writes == 1);
    CHECK(stats.write_latency.count() == 1);
  });
}

// Calls `then(computation, caller, end_write)` with a computation that has begun beside a write and
// waits, as the write does.
template <class Then>
void ComputeBesideWrite(Scene& scene, const Change& change, Then then) {
  CHECK(Text(scene.behind().Delete("k", {})) == "ok");
  const auto gate = scene.store().Hold(Point::kBeforeWrite);
  Task write = Start(scene, change);
  gate->AwaitArrival();
  SlowComputation computation("computed");
  Task caller = StartCompute(scene, computation);
  computation.gate.AwaitArrival();
  then(computation, caller, [&] {
    gate->Open();
    CHECK(write.Join() == "ok");
  });
}

TEST_CASE("nor what a write does that began before and ends while a value is computed") {
  ForEach(Writes(), [](Scene& scene, const Change& change) {
    ComputeBesideWrite(scene, change,
                       [&](SlowComputation& computation, Task& caller, auto&& end_write) {
                         end_write();
                         CheckComputed(scene, computation, caller);
                       });
  });
}

TEST_CASE(
    "a write that outlasts the computation makes nobody compute again, nor one of another key") {
  ForEach(Writes(), [](Scene& scene, const Change& change) {
    ComputeBesideWrite(scene, change,
                       [&](SlowComputation& computation, Task& caller, auto&& end_write) {
                         CHECK(scene.Put("l", "other") == "ok");
                         scene.cache().InvalidatePrefix("l");
                         CHECK(Text(scene.cache().DeleteRange("l", "m")) == "ok");
                         computation.gate.Open();
                         CHECK(caller.Join() == "computed");
                         CHECK(computation.runs == 1);
                         end_write();
                       });
    CHECK(ReadStore(scene.behind(), "k") == change.after);
    scene.CheckSettled("k");
  });
}

TEST_CASE("nor does one that begins while the value is computed, and outlasts that") {
  ForEachPolicy([](Scene& scene) {
    SlowComputation computation("computed");
    Task caller = StartCompute(scene, computation);
    computation.gate.AwaitArrival();
    const auto gate = scene.store().Hold(Point::kBeforeWrite);
    Task write = scene.StartPut("k", "new");
    gate->AwaitArrival();
    computation.gate.Open();
    CHECK(caller.Join() == "computed");
    CHECK(computation.runs == 1);
    gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(ReadStore(scene.behind(), "k") == "new");
    scene.CheckSettled("k");
  });
}

TEST_CASE("a computation that fails after another's write leaves that as it is") {
  ForEach(Writes(), [](Scene& scene, const Change& change) {
    CHECK(Text(scene.behind().Delete("k", {})) == "ok");
    const auto compute = [&]() -> Result<std::string> {
      Task write = Start(scene, change);
      CHECK(write.Join() == "ok");
      throw std::runtime_error("thrown");
    };
    CHECK(Text(scene.cache().GetOrCompute("k", compute)).find("thrown") != std::string::npos);
    CHECK(ReadStore(scene.behind(), "k") == change.after);
    scene.CheckSettled("k");
    CHECK(scene.Put("k", "newer") == "ok");
    CHECK(scene.Look("k") == "newer, hit");
  });
}

TEST_CASE("what a computation does to its own key itself comes before its value") {
  ForEach(AllChanges(), [](Scene& scene, const Change& change) {
    CHECK(Text(scene.behind().Delete("k", {})) == "ok");
    int runs = 0;
    const auto compute = [&]() -> Result<std::string> {
      ++runs;
      Apply(scene, change);
      return "computed";
    };
    CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "computed");
    CHECK(runs == 1);
    CHECK(ReadStore(scene.behind(), "k") == "computed");
    CHECK(scene.Look("k") == "computed, hit");
  });
}

TEST_CASE("GetOrCompute in a WriteWith of the key computes once") {
  ForEachPolicy([](Scene& scene) {
    int runs = 0;
    const auto commit = [&]() -> Result<void> {
      const auto compute = [&]() -> Result<std::string> { return std::to_string(++runs); };
      const std::string got = Text(scene.cache().GetOrCompute("k", compute));
      CHECK(got == std::to_string(runs));
      return scene.behind().Delete("k", {});
    };
    const std::string_view key = "k";
    CHECK(Text(scene.cache().WriteWith({&key, 1}, commit)) == "ok");
    CHECK(Text(scene.cache().WriteWith(KeyRange{.from = "k", .to = {}}, commit)) == "ok");
    CHECK(runs == 2);
    CHECK(scene.Look("k") == kAbsent);
  });
}

Options WithAbsences() {
  Options options = Capacity(std::uint64_t{8} << 20, 2);
  options.cache_absent = true;
  return options;
}

TEST_CASE("cache_absent: an absence is loaded once, counted each time, and dropped by a Put") {
  ForEachPolicy(WithAbsences(), [](Scene& scene) {
    for (int i = 0; i < 3; ++i) CHECK(scene.Look("k") == kAbsent);
    CHECK(scene.store().reads("k") == 1);
    ShardStats stats = scene.stats();
    CHECK(stats.hits == 2);
    CHECK(stats.misses == 1);
    CHECK(stats.absent == 3);
    CHECK(stats.entries == 1);
    std::string value = "kept from before";
    CHECK(Text(scene.cache().Get("k", value)) == "no");
    CHECK(value.empty());
    CHECK(LookAtAll(scene.cache(), {"k", "k"}) == "(absent); (absent)");
    CHECK(Text(scene.cache().Contains("k")) == "no");
    CHECK(scene.store().reads("k") == 1);
    CHECK(scene.Put("k", "v") == "ok");
    CHECK(scene.Look("k") == "v, hit");
    CHECK(Text(scene.cache().Delete("k")) == "ok");
    const auto reads = scene.store().reads("k");
    CHECK(scene.Look("k") == kAbsent);
    CHECK(scene.store().reads("k") == reads);  // the deletion itself cached the absence
  });
}

TEST_CASE("cache_absent: a load of an absence that a change overtakes is not cached") {
  for (const Change& change : AllChanges()) {
    if (change.after != "new") continue;
    CAPTURE(change.name);
    ForEachPolicy(WithAbsences(), [&](Scene& scene) {
      const auto gate = scene.store().Hold(Point::kAfterRead, "k");
      Task reader = scene.StartGet("k");
      gate->AwaitArrival();
      Apply(scene, change);
      gate->Open();
      CHECK(reader.Join() == kAbsent);
      CHECK(scene.Look("k") == FirstLookAfter(change));
    });
  }
}

TEST_CASE("cache_absent: every change drops a cached absence, and GetOrCompute fills it") {
  for (const Change& change : AllChanges()) {
    if (change.after != "new") continue;
    CAPTURE(change.name);
    ForEachPolicy(WithAbsences(), [&](Scene& scene) {
      for (int i = 0; i < 2; ++i) CHECK(scene.Look("k") == kAbsent);
      Apply(scene, change);
      CHECK(scene.Look("k") == FirstLookAfter(change));
      CHECK(Text(scene.cache().Delete("k")) == "ok");
      const auto compute = [] { return Result<std::string>("computed"); };
      CHECK(Text(scene.cache().GetOrCompute("k", compute)) == "computed");
      CHECK(scene.Look("k") == "computed, hit");
    });
  }
}

TEST_CASE("cache_absent: deletions that cross a Put are not cached as absences") {
  ForEachPolicy(WithAbsences(), [](Scene& scene) {
    const auto gate = scene.store().Hold(Point::kAfterWrite);
    Task write([&] { return Text(scene.cache().Delete("k")); });
    gate->AwaitArrival();
    CHECK(scene.Put("k", "new") == "ok");
    gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(scene.Look("k") == "new, read");
    CHECK(scene.Look("k") == "new, hit");
  });
}

TEST_CASE("without cache_absent every lookup of an absent key reads the store") {
  ForEachPolicy([](Scene& scene) {
    for (int i = 0; i < 3; ++i) CHECK(scene.Look("k") == kAbsent);
    CHECK(Text(scene.cache().Delete("k")) == "ok");
    CHECK(scene.Look("k") == kAbsent);
    CHECK(scene.store().reads("k") == 4);
    CHECK(scene.stats().absent == 4);
    CHECK(scene.stats().entries == 0);
  });
}

TEST_CASE("Contains loads, touches and counts nothing, and is right beside loads and writes") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "old");
    const ShardStats before = scene.stats();
    CHECK(Text(scene.cache().Contains("k")) == "yes");
    CHECK(Text(scene.cache().Contains("x")) == "no");
    CHECK(scene.stats() == before);
    CHECK(scene.Look("k") == "old, read");
    const auto read_gate = scene.store().Hold(Point::kAfterRead, "x");
    Task reader = scene.StartGet("x");
    read_gate->AwaitArrival();
    CHECK(scene.Put("x", "new") == "ok");
    CHECK(Text(scene.cache().Contains("x")) == "yes");
    read_gate->Open();
    CHECK(reader.Join() == kAbsent);
    const auto write_gate = scene.store().Hold(Point::kAfterWrite);
    Task write([&] { return Text(scene.cache().Delete("k")); });
    write_gate->AwaitArrival();
    CHECK(Text(scene.cache().Contains("k")) == "no");  // the store has it already
    write_gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(Text(scene.cache().Contains("k")) == "no");
    scene.faults().FailNextRead();
    CHECK(Text(scene.cache().Contains("k")) == "error: injected");
  });
}

}  // namespace
}  // namespace kvcache::testing
