// Reads of keys that are being written: each reads for itself and caches nothing.
#include <doctest/doctest.h>

#include <string>

#include "support/changes.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

TEST_CASE("the tier drops a key before the store is written") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    scene.Warm("k", "old");
    const auto gate = scene.store().Hold(Point::kBeforeWrite);
    Task write = Start(scene, slow);
    gate->AwaitArrival();
    CHECK(scene.Look("k") == "old, read");
    CHECK(scene.Look("k") == "old, read");  // and a reader does not bring it back
    gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(scene.Look("k") == FirstLookAfter(slow));
    scene.CheckSettled("k");
  });
}

TEST_CASE("once the store is written readers see the new state, before the write returns") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    scene.Warm("k", "old");
    const auto gate = scene.store().Hold(Point::kAfterWrite);
    Task write = Start(scene, slow);
    gate->AwaitArrival();
    const std::string seen = Read(slow.after);
    CHECK(scene.Look("k") == seen);
    CHECK(scene.Look("k") == seen);
    gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(scene.Look("k") == FirstLookAfter(slow));
    scene.CheckSettled("k");
  });
}

TEST_CASE("two readers of a key that is being written read the store twice") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    scene.Warm("k", "old");
    const auto write_gate = scene.store().Hold(Point::kBeforeWrite);
    Task write = Start(scene, slow);
    write_gate->AwaitArrival();
    const auto before = scene.store().reads("k");
    const auto gate1 = scene.store().Hold(Point::kAfterRead, "k");
    Task reader1 = scene.StartGet("k");
    gate1->AwaitArrival();
    const auto gate2 = scene.store().Hold(Point::kAfterRead, "k");
    Task reader2 = scene.StartGet("k");
    gate2->AwaitArrival();
    CHECK(scene.store().reads("k") == before + 2);
    CHECK(scene.stats().shared_loads == 0);
    gate1->Open();
    gate2->Open();
    CHECK(reader1.Join() == "old, read");
    CHECK(reader2.Join() == "old, read");
    write_gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(scene.Look("k") == FirstLookAfter(slow));
    scene.CheckSettled("k");
  });
}

TEST_CASE("a reader that began during a write and ends after it caches nothing") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    scene.Warm("k", "old");
    const auto write_gate = scene.store().Hold(Point::kBeforeWrite);
    Task write = Start(scene, slow);
    write_gate->AwaitArrival();
    const auto read_gate = scene.store().Hold(Point::kAfterRead, "k");
    Task reader = scene.StartGet("k");
    read_gate->AwaitArrival();
    write_gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(scene.Look("k") == FirstLookAfter(slow));  // does not wait for the reader
    read_gate->Open();
    CHECK(reader.Join() == "old, read");
    CHECK(scene.Look("k") == (slow.after == kAbsent ? std::string(kAbsent) : "new, hit"));
    scene.CheckSettled("k");
  });
}

TEST_CASE("a load that a write overtook and that ends while the write lasts caches nothing") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    const auto read_gate = scene.store().Hold(Point::kAfterRead, "k");
    Task reader = scene.StartGet("k");
    read_gate->AwaitArrival();
    const auto write_gate = scene.store().Hold(Point::kBeforeWrite);
    Task write = Start(scene, slow);
    write_gate->AwaitArrival();
    read_gate->Open();
    CHECK(reader.Join() == "old, read");
    CHECK(scene.Look("k") == "old, read");
    write_gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(scene.Look("k") == FirstLookAfter(slow));
    CHECK(scene.stats().stale_loads == 1);
  });
}

TEST_CASE("a write that fails leaves the tier without its keys, and the next read loads") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    scene.Warm("k", "old");
    const auto gate = scene.store().Hold(Point::kBeforeWrite);
    scene.faults().FailNextWrite();
    Task write = Start(scene, slow);
    gate->AwaitArrival();
    CHECK(scene.Look("k") == "old, read");
    gate->Open();
    CHECK(write.Join() == "error: injected");
    CHECK(scene.stats().entries == 0);
    CHECK(scene.Look("k") == "old, read");
    CHECK(scene.Look("k") == "old, hit");
  });
}

TEST_CASE("a write that fails after its effect leaves the tier without its keys") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    scene.Warm("k", "old");
    scene.faults().FailNextWrite(Fault::kErrorAfterEffect);
    CHECK(slow.run(scene) == "error: injected");
    CHECK(scene.stats().entries == 0);
    const std::string stored = ReadStore(scene.behind(), "k");
    CHECK(scene.Look("k") == Read(stored));
    scene.CheckSettled("k");
  });
}

TEST_CASE("a write whose store throws fails, its key is not cached, and later writes are") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    scene.Warm("k", "old");
    scene.faults().FailNextWrite(Fault::kException);
    Task write = Start(scene, slow);
    CHECK(write.Join() != "ok");  // an error; from the caller's own commit the exception itself
    CHECK(scene.Look("k") == "old, read");
    CHECK(scene.Put("k", "newer") == "ok");
    CHECK(scene.Look("k") == "newer, hit");
  });
}

TEST_CASE(
    "a write that runs out of memory: bad_alloc reaches its caller, later writes are cached") {
  ForEach(Writes(), [](Scene& scene, const Change& slow) {
    scene.Warm("k", "old");
    scene.faults().FailNextWrite(Fault::kBadAlloc);
    Task write = Start(scene, slow);
    CHECK(write.Join() == "bad_alloc");
    CHECK(scene.Look("k") == "old, read");
    CHECK(scene.Look("k") == "old, hit");
    CHECK(scene.Put("k", "newer") == "ok");
    CHECK(scene.Look("k") == "newer, hit");
  });
}

TEST_CASE("a scan sees a write once the store has it, whatever the tier has") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("k", "old");
    const auto scan = [&] {
      std::string text;
      const auto visit = [&](std::string_view key, std::string_view value) {
        text += std::string(key) + "=" + std::string(value) + ";";
        return true;
      };
      CHECK(Text(scene.cache().Scan({}, visit)) == "ok");
      return text;
    };
    const auto before = scene.store().Hold(Point::kBeforeWrite);
    const auto after = scene.store().Hold(Point::kAfterWrite);
    Task write = scene.StartPut("k", "new");
    before->AwaitArrival();
    CHECK(scan() == "k=old;");
    before->Open();
    after->AwaitArrival();
    CHECK(scan() == "k=new;");
    CHECK(scene.Look("k") == "new, read");
    after->Open();
    CHECK(write.Join() == "ok");
    CHECK(scan() == "k=new;");
  });
}

TEST_CASE("a scan that takes its time holds up neither reads nor writes") {
  ForEachPolicy([](Scene& scene) {
    scene.PutBehind("k", "old");
    const auto gate = scene.store().Hold(Point::kAfterScan);
    Task scan([&] {
      return Text(scene.cache().Scan({}, [](std::string_view, std::string_view) { return true; }));
    });
    gate->AwaitArrival();
    CHECK(scene.Look("k") == "old, read");
    CHECK(scene.Put("k", "new") == "ok");
    CHECK(scene.Look("k") == "new, hit");
    gate->Open();
    CHECK(scan.Join() == "ok");
  });
}

}  // namespace
}  // namespace kvcache::testing
