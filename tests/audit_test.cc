// Audits: one in N hits is compared with the store.
#include <doctest/doctest.h>

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/cache.h"
#include "support/changes.h"
#include "support/scene.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

Options Audited(std::uint64_t one_in = 1) {
  Options options = Capacity(std::uint64_t{8} << 20, 1);
  options.audit_one_in = one_in;
  return options;
}

void CheckAudits(Scene& scene, std::uint64_t audits, std::uint64_t disagreements) {
  const ShardStats stats = scene.stats();
  CHECK(stats.audits == audits);
  CHECK(stats.disagreements == disagreements);
}

TEST_CASE(
    "every form of lookup is audited when it hits, and agrees with a store that is the same") {
  ForEachPolicy(Audited(), [](Scene& scene) {
    scene.Warm("a", "1");
    scene.Warm("b", "");
    CheckAudits(scene, 2, 0);
    std::string value;
    CHECK(Text(scene.cache().Get("a", value)) == "yes");
    CHECK(LookAtAll(scene.cache(), {"a", "b", "a", "new"}) == "1, hit; , hit; 1, hit; (absent)");
    CheckAudits(scene, 6, 0);
    CHECK(scene.stats().hits == 6);
    CHECK(scene.store().reads("a") == 5);  // the load, and four hits
  });
}

TEST_CASE("what the store does not have so is counted, told and dropped") {
  std::vector<std::string> told;
  Options options = Audited();
  options.on_disagreement = [&](std::string_view key) { told.emplace_back(key); };
  ForEachPolicy(options, [&](Scene& scene) {
    told.clear();
    scene.Warm("changed", "old");
    scene.Warm("gone", "old");
    scene.PutBehind("changed", "new");
    CHECK(Text(scene.behind().Delete("gone", {})) == "ok");
    CHECK(scene.Look("changed") == "old, hit");
    CHECK(LookAtAll(scene.cache(), {"gone"}) == "old, hit");
    CheckAudits(scene, 4, 2);
    CHECK(told == std::vector<std::string>{"changed", "gone"});
    CHECK(scene.Look("changed") == "new, read");
    CHECK(scene.Look("gone") == kAbsent);
    CHECK(scene.stats().disagreements == 2);
  });
}

TEST_CASE("a remembered absence is audited too") {
  Options options = Audited();
  options.cache_absent = true;
  Scene scene(options);
  CHECK(scene.Look("k") == kAbsent);
  CHECK(scene.Look("k") == kAbsent);
  CheckAudits(scene, 1, 0);
  scene.PutBehind("k", "");
  CHECK(scene.Look("k") == kAbsent);
  CheckAudits(scene, 2, 1);
  CHECK(scene.Look("k") == ", read");
}

TEST_CASE("an audit during which the key is written or invalidated is void") {
  for (const Point point : {Point::kBeforeRead, Point::kAfterRead}) {
    for (const Change& change : AllChanges()) {
      CAPTURE(change.name);
      Scene scene(Audited());
      scene.Warm("k", "old");
      const auto gate = scene.store().Hold(point, "k");
      Task reader = scene.StartGet("k");
      gate->AwaitArrival();
      Apply(scene, change);
      gate->Open();
      CHECK(reader.Join() == "old, hit");
      CheckAudits(scene, 1, 0);  // the one while it was warmed
    }
  }
}

TEST_CASE("a write that begins during an audit is not held up, and wins") {
  Scene scene(Audited());
  scene.Warm("k", "old");
  const auto audit = scene.store().Hold(Point::kAfterRead, "k");
  Task reader = scene.StartGet("k");
  audit->AwaitArrival();
  CHECK(scene.Put("k", "new") == "ok");
  CHECK(scene.Look("k") == "new, hit");
  audit->Open();
  CHECK(reader.Join() == "old, hit");
  CHECK(scene.Look("k") == "new, hit");
  CHECK(scene.stats().disagreements == 0);
}

TEST_CASE("a store that fails makes an audit void, and the hit knows nothing of it") {
  for (const Fault fault : {Fault::kError, Fault::kException, Fault::kBadAlloc}) {
    Scene scene(Audited());
    scene.Warm("k", "v");
    scene.faults().FailNextRead(fault);
    CHECK(scene.Look("k") == "v, hit");
    CheckAudits(scene, 1, 0);
    CHECK(scene.Look("k") == "v, hit");
    CheckAudits(scene, 2, 0);
  }
}

TEST_CASE("what the callback throws is not the lookup's") {
  bool out_of_memory = false;
  Options options = Audited();
  options.on_disagreement = [&](std::string_view) {
    if (out_of_memory) throw std::bad_alloc();
    throw std::runtime_error("not yours");
  };
  for (const bool memory_is_out : {false, true}) {
    out_of_memory = memory_is_out;
    Scene scene(options);
    for (const std::string_view key : {"j", "k", "l"}) {
      scene.Warm(key, "old");
      scene.PutBehind(key, "new");
    }
    CHECK(scene.Look("j") == "old, hit");
    CHECK(LookAtAll(scene.cache(), {"k", "l"}) == "old, hit; old, hit");
    CHECK(LookAtAll(scene.cache(), {"j", "k", "l"}) == "new, read; new, read; new, read");
    CHECK(scene.cache().GetStats().pinned_bytes == 0);
  }
}

TEST_CASE("the callback may call the cache") {
  Cache* cache = nullptr;
  std::string seen;
  Options options = Audited();
  options.on_disagreement = [&](std::string_view key) { seen = Look(*cache, key); };
  Scene scene(options);
  cache = &scene.cache();
  scene.Warm("k", "old");
  scene.PutBehind("k", "new");
  CHECK(scene.Look("k") == "old, hit");
  CHECK(seen == "new, read");
}

// Under policies whose hits take the lock, a hit is found where MultiGet registers its loads.
TEST_CASE("the callback may call the cache for a key that the same MultiGet is to load") {
  Cache* cache = nullptr;
  std::string seen;
  Options options = Audited();
  options.on_disagreement = [&](std::string_view) { seen = Look(*cache, "l"); };
  ForEachPolicy(options, [&](Scene& scene) {
    cache = &scene.cache();
    seen.clear();
    scene.Warm("k", "old");
    scene.PutBehind("k", "new");
    scene.PutBehind("l", "1");
    const std::string looked = LookAtAll(*cache, {"l", "k", "m"});
    const bool called_first = seen == "1, read";
    CHECK(seen == (called_first ? "1, read" : "1, hit"));
    CHECK(looked == (called_first ? "1, hit; old, hit; (absent)" : "1, read; old, hit; (absent)"));
    CHECK(scene.stats().disagreements == 1);
    CHECK(scene.store().reads("l") == 2);  // the load, and the audit of the later look
    CHECK(LookAtAll(*cache, {"k", "l"}) == "new, read; 1, hit");
  });
}

TEST_CASE(
    "the callback may call GetOrCompute for the key that a GetOrCompute finds at its second look") {
  Cache* cache = nullptr;
  std::vector<std::string> seen;
  const auto compute = [] { return Result<std::string>("computed"); };
  Options options = Audited();
  options.on_disagreement = [&](std::string_view key) {
    seen.push_back(Text(cache->GetOrCompute(key, compute)));
  };
  ForEachPolicy(options, [&](Scene& scene) {
    cache = &scene.cache();
    seen.clear();
    const auto look = scene.store().Hold(Point::kAfterRead, "k");
    Task caller([&] { return Text(cache->GetOrCompute("k", compute)); });
    look->AwaitArrival();
    CHECK(scene.Put("k", "old") == "ok");
    CHECK(Text(scene.behind().Delete("k", {})) == "ok");
    look->Open();
    CHECK(caller.Join() == "old");
    CHECK(seen == std::vector<std::string>{"computed"});
    CHECK(ReadStore(scene.behind(), "k") == "computed");
    CheckAudits(scene, 1, 1);
    CHECK(scene.cache().GetStats().pinned_bytes == 0);
  });
}

TEST_CASE("the key that is looked up may lie in the string that takes its value") {
  Scene scene(Audited());
  const std::string key(100, 'k');  // not within the string itself
  scene.Warm(key, "v");
  std::string value = key;
  CHECK(Text(scene.cache().Get(value, value)) == "yes");
  CHECK(value == "v");
  CheckAudits(scene, 2, 0);
}

TEST_CASE("one in N, rounded up to a power of two") {
  for (const std::uint64_t one_in : {0U, 1U, 2U, 3U, 32U, 33U, 1000U}) {
    CAPTURE(one_in);
    Scene scene(Audited(one_in));
    scene.Warm("k", "v");
    std::string value;
    for (int i = 0; i < 4095; ++i) CHECK(Text(scene.cache().Get("k", value)) == "yes");
    const std::uint64_t rounded = one_in == 3      ? 4
                                  : one_in == 33   ? 64
                                  : one_in == 1000 ? 1024
                                                   : one_in;
    CheckAudits(scene, rounded == 0 ? 0 : 4096 / rounded, 0);
  }
}

TEST_CASE("a number that has no power of two above it is refused") {
  Options options = Audited(~std::uint64_t{0});
  CHECK(Text(options.Validate()) ==
        "error: audit_one_in = 18446744073709551615: use at most 2^62, or 0 for none");
}

}  // namespace
}  // namespace kvcache::testing
