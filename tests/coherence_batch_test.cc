// Batches, and writes that the caller commits: many keys, one write.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/changes.h"
#include "support/scene.h"

namespace kvcache::testing {
namespace {

Batch PutABC() {
  Batch batch;
  for (const std::string_view key : {"a", "b", "c"}) batch.Put(key, "new");
  return batch;
}

TEST_CASE("a batch drops all its keys before the store is written and caches all of them after") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "b", "c", "other"}) scene.Warm(key, "old");
    const auto gate = scene.store().Hold(Point::kBeforeWrite);
    Task write = scene.StartWrite(PutABC());
    gate->AwaitArrival();
    for (const std::string key : {"c", "b", "a"}) {
      CHECK(scene.Look(key) == "old, read");
      CHECK(scene.Look(key) == "old, read");
    }
    CHECK(scene.Look("other") == "old, hit");
    gate->Open();
    CHECK(write.Join() == "ok");
    for (const std::string key : {"a", "b", "c"}) CHECK(scene.Look(key) == "new, hit");
  });
}

TEST_CASE("while the store has a batch and the cache does not, readers see all of it") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "b", "c"}) scene.Warm(key, "old");
    const auto gate = scene.store().Hold(Point::kAfterWrite);
    Task write = scene.StartWrite(PutABC());
    gate->AwaitArrival();
    CHECK(LookAtAll(scene.cache(), {"a", "b", "c"}) == "new, read; new, read; new, read");
    gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(LookAtAll(scene.cache(), {"a", "b", "c"}) == "new, hit; new, hit; new, hit");
  });
}

TEST_CASE("a batch crossed on one key caches the others") {
  ForEachPolicy([](Scene& scene) {
    const auto gate = scene.store().Hold(Point::kAfterWrite);
    Task write = scene.StartWrite(PutABC());
    gate->AwaitArrival();
    CHECK(scene.Put("b", "newer") == "ok");
    gate->Open();
    CHECK(write.Join() == "ok");
    CHECK(scene.Look("a") == "new, hit");
    CHECK(scene.Look("b") == "newer, read");
    CHECK(scene.Look("c") == "new, hit");
  });
}

TEST_CASE("two batches that share a key cross there and nowhere else") {
  ForEachPolicy([](Scene& scene) {
    Batch second;
    second.Put("c", "newer");
    second.Put("d", "newer");
    const auto first_gate = scene.store().Hold(Point::kBeforeWrite);
    Task first_write = scene.StartWrite(PutABC());
    first_gate->AwaitArrival();
    const auto second_gate = scene.store().Hold(Point::kBeforeWrite);
    Task second_write = scene.StartWrite(second);
    second_gate->AwaitArrival();
    first_gate->Open();
    CHECK(first_write.Join() == "ok");
    second_gate->Open();
    CHECK(second_write.Join() == "ok");
    CHECK(scene.Look("a") == "new, hit");
    CHECK(scene.Look("b") == "new, hit");
    CHECK(scene.Look("c") == "newer, read");
    CHECK(scene.Look("d") == "newer, hit");
  });
}

TEST_CASE("a batch that fails leaves the tier without any of its keys") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "b", "c"}) scene.Warm(key, "old");
    scene.faults().FailNextWrite();
    CHECK(Text(scene.cache().Write(PutABC())) == "error: injected");
    for (const std::string key : {"a", "b", "c"}) {
      CHECK(scene.Look(key) == "old, read");
      CHECK(scene.Look(key) == "old, hit");
    }
  });
}

TEST_CASE("a key repeated in a batch does not cross itself; its last operation decides") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("k", "old");
    Batch batch;
    batch.Put("k", "1");
    batch.Delete("k");
    batch.Put("k", "2");
    CHECK(Text(scene.cache().Write(batch)) == "ok");
    CHECK(scene.Look("k") == "2, hit");
    batch.Delete("k");
    CHECK(Text(scene.cache().Write(batch)) == "ok");
    CHECK(scene.Look("k") == kAbsent);
    CHECK(scene.stats().entries == 0);
    CHECK(scene.Put("k", "3") == "ok");
    CHECK(scene.Look("k") == "3, hit");
  });
}

TEST_CASE("a batch of a thousand keys, each twice, marks every one once") {
  ForEachPolicy([](Scene& scene) {
    Batch batch;
    for (const std::string round : {"first", "second"}) {
      for (int i = 0; i < 1000; ++i) batch.Put("key" + std::to_string(i), round);
    }
    CHECK(Text(scene.cache().Write(batch)) == "ok");
    std::size_t wrong = 0;
    for (int i = 0; i < 1000; ++i) {
      if (scene.Look("key" + std::to_string(i)) != "second, hit") ++wrong;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("an empty batch writes nothing and harms nothing") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("k", "v");
    CHECK(Text(scene.cache().Write(Batch())) == "ok");
    CHECK(scene.Look("k") == "v, hit");
  });
}

TEST_CASE("WriteWith keys: they are dropped before the commit and not cached during or by it") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "b", "other"}) scene.Warm(key, "old");
    const std::vector<std::string_view> keys = {"a", "b", "a"};
    const auto commit = [&]() -> Result<void> {
      for (int i = 0; i < 2; ++i) {
        CHECK(LookAtAll(scene.cache(), {"a", "b"}) == "old, read; old, read");
      }
      Batch batch;
      batch.Put("a", "new");
      batch.Delete("b");
      CHECK(Text(scene.behind().Write(batch, {})) == "ok");
      for (int i = 0; i < 2; ++i) {
        CHECK(LookAtAll(scene.cache(), {"a", "b"}) == "new, read; (absent)");
      }
      CHECK(scene.Look("other") == "old, hit");
      return {};
    };
    CHECK(Text(scene.cache().WriteWith(keys, commit)) == "ok");
    CHECK(scene.Look("a") == "new, read");
    CHECK(scene.Look("a") == "new, hit");
    CHECK(scene.Look("b") == kAbsent);
    CHECK(scene.Look("other") == "old, hit");
  });
}

TEST_CASE("WriteWith a range: so is every key in it, those unknown to the tier too") {
  ForEachPolicy([](Scene& scene) {
    for (const std::string key : {"a", "b", "z"}) scene.Warm(key, "old");
    scene.PutBehind("bb", "old");
    const auto commit = [&]() -> Result<void> {
      for (int i = 0; i < 2; ++i) {
        CHECK(LookAtAll(scene.cache(), {"b", "bb"}) == "old, read; old, read");
      }
      scene.PutBehind("bb", "new");
      CHECK(scene.Look("bb") == "new, read");
      CHECK(LookAtAll(scene.cache(), {"a", "z"}) == "old, hit; old, hit");
      return {};
    };
    CHECK(Text(scene.cache().WriteWith(KeyRange{.from = "b", .to = "z"}, commit)) == "ok");
    for (const std::string key : {"b", "bb"}) {
      CHECK(scene.Look(key) == Read(ReadStore(scene.behind(), key)));
      scene.CheckSettled(key);
    }
  });
}

TEST_CASE("WriteWith whose commit fails or throws: the caller hears of it, the keys are free") {
  ForEachPolicy([](Scene& scene) {
    scene.Warm("k", "old");
    const std::string_view key = "k";
    const auto fail = []() -> Result<void> { return Fail(ErrorCode::kBusy, "conflict"); };
    const auto raise = []() -> Result<void> { throw std::runtime_error("thrown"); };
    CHECK(Text(scene.cache().WriteWith({&key, 1}, fail)) == "error: conflict");
    CHECK(scene.Look("k") == "old, read");
    for (const bool range : {false, true}) {
      CAPTURE(range);
      Task write([&] {
        return Text(range ? scene.cache().WriteWith(KeyRange{}, raise)
                          : scene.cache().WriteWith({&key, 1}, raise));
      });
      CHECK(write.Join() != "ok");
      CHECK(scene.Put("k", "new") == "ok");
      CHECK(scene.Look("k") == "new, hit");
    }
  });
}

}  // namespace
}  // namespace kvcache::testing
