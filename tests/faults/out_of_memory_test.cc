// Memory runs out at the n-th request of every operation, for all n: the caller gets an answer or
// std::bad_alloc, nobody waits for ever, nothing wrong is read afterwards, and the tier gives up
// all its memory when it is emptied.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "failing_memory.h"
#include "harness.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "kvcache/policy.h"
#include "policy/ghost_queues.h"
#include "support/sanitizers.h"
#include "support/scene.h"
#include "support/temp_folder.h"
#include "support/text.h"
#include "support/watchdog.h"
#include "tier/memory_tier.h"
#include "tier/policy_registry.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kPairs = kSanitized ? 80 : 120;  // of which the tier holds a part

std::string Key(std::size_t i) {
  return "a key longer than fits into a string " + std::to_string(i);
}
std::string Content(std::size_t i) { return Key(i) + std::string(i * 37 % 1500, 'v'); }

template <class F>
auto Unlimited(F&& call) {
  const std::int64_t left = std::exchange(requests_left, -1);
  auto result = call();
  requests_left = left;
  return result;
}

// A store that has all the memory it wants.
class WellSupplied final : public Store {
 public:
  explicit WellSupplied(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    std::string value;
    const bool found = Unlimited(
        [&] { return *inner_->Get(key, [&](std::string_view bytes) { value = bytes; }); });
    if (found) receive(value);
    return found;
  }
  Result<void> Write(const Batch& batch, const WriteOptions& options) override {
    return Unlimited([&] { return inner_->Write(batch, options); });
  }
  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    return Unlimited([&] { return inner_->Scan(options, visit); });
  }

 private:
  const std::unique_ptr<Store> inner_;
};

class Stage {
 public:
  explicit Stage(const Options& options) {
    auto memory = MakeMemoryStore();
    behind_ = memory.get();
    for (std::size_t i = 0; i < kPairs; ++i) {
      if (!PutStore(*behind_, Key(i), Content(i))) FAIL("PutStore");
    }
    auto cache = Cache::Open(options, std::make_unique<WellSupplied>(std::move(memory)));
    REQUIRE_MESSAGE(cache, Text(cache.error()));
    cache_ = *std::move(cache);
    for (std::size_t i = 0; i < kPairs; i += 2) {
      if (!cache_->Get(Key(i))) FAIL("Get");
    }
  }

  Cache& cache() { return *cache_; }
  Store& behind() { return *behind_; }

  void CheckSettled() {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < kPairs + 3; ++i) {
      for (int j = 0; j < 2; ++j) {
        if (Text(cache_->Get(Key(i))) != ReadStore(*behind_, Key(i))) ++wrong;
      }
    }
    CHECK(wrong == 0);
    const ShardStats stats = cache_->GetStats().total;
    CHECK(stats.hits > 0);
    CHECK(stats.audits > 0);
    CHECK(stats.disagreements == 0);
  }

  // Nothing that memory failed for may be left behind in the tier.
  void CheckEmptied() {
    cache_->InvalidateAll();
    const Stats stats = cache_->GetStats();
    CHECK(stats.total.entries == 0);
    CHECK(stats.total.bytes == 0);
    CHECK(stats.pinned_bytes == 0);
    REQUIRE(cache_->SetCapacity(0));
    CHECK(cache_->GetStats().memory_bytes <= 4 * kPageRounding);
  }

 private:
  // What a shard's empty table and order take at most.
  static constexpr std::uint64_t kPageRounding = 64 << 10;

  Store* behind_ = nullptr;
  std::unique_ptr<Cache> cache_;
};

struct Call {
  std::string name;
  std::function<std::string(Cache&)> run;
};

std::vector<Call> Calls() {
  const auto multi_get = [](Cache& cache) {
    const std::string keys[] = {Key(0), Key(1), Key(kPairs), Key(2), Key(3), Key(1)};
    const std::string_view views[] = {keys[0], keys[1], keys[2], keys[3], keys[4], keys[5]};
    std::string outcome;
    for (const auto& answer : cache.MultiGet(views)) outcome += Text(answer) + ";";
    return outcome;
  };
  const auto batch = [](Cache& cache) {
    Batch steps;
    steps.DeleteRange(Key(100), Key(103));
    for (std::size_t i = 0; i < 20; ++i) steps.Put(Key(i), Content(i + 1));
    steps.Delete(Key(21));
    return Text(cache.Write(steps));
  };
  const auto with_range = [](Cache& cache) {
    return Text(
        cache.WriteWith(KeyRange{.from = Key(20), .to = Key(29)}, [] { return Result<void>(); }));
  };
  const auto copy = [](Cache& cache) {
    std::string value;
    return Text(cache.Get(Key(1), value));
  };
  return {
      {"Get", [](Cache& cache) { return Text(cache.Get(Key(1))); }},
      {"Get of an absent key", [](Cache& cache) { return Text(cache.Get(Key(kPairs))); }},
      {"Get into a string", copy},
      {"MultiGet", multi_get},
      {"Contains", [](Cache& cache) { return Text(cache.Contains(Key(1))); }},
      {"Put", [](Cache& cache) { return Text(cache.Put(Key(2), Content(77))); }},
      {"Put of a new key", [](Cache& cache) { return Text(cache.Put(Key(kPairs), Content(9))); }},
      {"Delete", [](Cache& cache) { return Text(cache.Delete(Key(4))); }},
      {"DeleteRange", [](Cache& cache) { return Text(cache.DeleteRange(Key(5), Key(6))); }},
      {"Write", batch},
      {"GetOrCompute",
       [](Cache& cache) {
         return Text(
             cache.GetOrCompute(Key(kPairs + 1), [] { return Result<std::string>(Content(5)); }));
       }},
      {"WriteWith a range", with_range},
      {"Invalidate", [](Cache& cache) { return cache.Invalidate(Key(2)), std::string(); }},
      {"InvalidatePrefix",
       [](Cache& cache) { return cache.InvalidatePrefix(Key(2)), std::string(); }},
      {"SetPolicy to lru", [](Cache& cache) { return Text(cache.SetPolicy("lru")); }},
      {"SetPolicy to arc", [](Cache& cache) { return Text(cache.SetPolicy("arc")); }},
      {"SetCapacity", [](Cache& cache) { return Text(cache.SetCapacity(64 << 10)); }},
      {"SetCapacityEntries", [](Cache& cache) { return Text(cache.SetCapacityEntries(10)); }},
      {"GetStats", [](Cache& cache) { return cache.GetStats().policy; }},
  };
}

// Whether the call came to an end without another request for memory.
bool Play(const Call& call, Stage& stage, std::int64_t granted) {
  bool reached = false;
  std::string outcome;
  try {
    const MemoryLimit limit(granted);
    outcome = call.run(stage.cache());
    reached = limit.reached();
  } catch (const std::bad_alloc&) {
    reached = true;
    outcome = "bad_alloc";
  }
  CHECK_MESSAGE(outcome.find("error") == std::string::npos, outcome);
  return !reached;
}

void PlayEachRequest(const Call& call, const Options& options) {
  CAPTURE(call.name);
  CAPTURE(options.policy);
  const Watchdog watchdog(call.name + " without memory");
  bool done = false;
  const std::int64_t step = kSanitized ? 3 : 1;
  for (std::int64_t granted = 0; !done; granted += granted < 10 ? 1 : step) {
    CAPTURE(granted);
    REQUIRE(granted < 2000);
    Stage stage(options);
    done = Play(call, stage, granted);
    stage.CheckSettled();
    stage.CheckEmptied();
  }
}

Options WithRoom(std::uint64_t capacity, const std::string& policy) {
  Options options = Capacity(capacity, 2);
  options.policy = policy;
  options.cache_absent = true;
  options.audit_one_in = 1;
  return options;
}

constexpr std::uint64_t kLittle = 48 << 10;  // evicts
constexpr std::uint64_t kPlenty = 4 << 20;

TEST_CASE("memory runs out at every request of every operation") {
  for (const std::uint64_t capacity : {kLittle, kPlenty}) {
    CAPTURE(capacity);
    for (const Call& call : Calls()) PlayEachRequest(call, WithRoom(capacity, "lru"));
  }
}

TEST_CASE("memory runs out at every request of every policy") {
  std::vector<std::string> policies = {"lru-k:k=3"};
  for (const PolicyInfo& info : RegisteredPolicies()) policies.push_back(info.name);
  const Call write{"Write", [](Cache& cache) {
                     Batch steps;
                     for (std::size_t i = 0; i < 24; ++i) steps.Put(Key(2 * i + 1), Content(i));
                     return Text(cache.Write(steps));
                   }};
  for (const std::string& policy : policies) {
    PlayEachRequest(write, WithRoom(kLittle, policy));
    const Call change{"SetPolicy", [&](Cache& cache) { return Text(cache.SetPolicy(policy)); }};
    PlayEachRequest(change, WithRoom(kPlenty, "lru"));
  }
}

// Whether `call` came to an end without std::bad_alloc.
template <class F>
bool Ends(std::int64_t granted, F&& call) {
  try {
    const MemoryLimit limit(granted);
    call();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

TEST_CASE("memory runs out at every request of a tier's making, which leaves none behind") {
  const PolicySpec spec = *ParsePolicy("lru");
  const TierOptions options = {.capacity = kPlenty, .shards = 2};
  bool made = false;
  for (std::int64_t granted = 0; !made; ++granted) {
    CAPTURE(granted);
    REQUIRE(granted < 200);
    const std::int64_t held = blocks_held;
    made = Ends(granted, [&] { const MemoryTier tier(options, spec); });
    CHECK(blocks_held == held);
  }
}

TEST_CASE("what a policy has no memory to insert leaves nothing behind in it") {
  constexpr std::size_t kNodes = 5000;
  std::vector<std::string> policies = {"lru-k:k=3"};
  for (const PolicyInfo& info : RegisteredPolicies()) policies.push_back(info.name);
  for (const std::string& spec : policies) {
    CAPTURE(spec);
    std::vector<PolicyNode> nodes(kNodes);
    PolicyContext context;
    context.hash = [&](const PolicyNode& node) {
      return static_cast<std::uint64_t>(&node - nodes.data());
    };
    const auto policy = ParsePolicy(spec)->Make(context);
    policy->SetCapacity(kNodes);
    std::size_t next = 0;
    const auto insert = [&] {
      policy->Admit(nodes[next], next, 1);
      return Ends(0, [&] { policy->Insert(nodes[next]); });
    };
    while (insert()) REQUIRE(++next < kNodes);
    const std::size_t bytes = policy->MemoryBytes();
    for (int i = 0; i < 20'000; ++i) {
      if (insert()) FAIL("there was memory");
    }
    CHECK(policy->size() == next);
    CHECK(policy->MemoryBytes() <= bytes + 4096);
  }
}

TEST_CASE("an evicted key that memory runs out for is forgotten altogether") {
  constexpr std::uint32_t kWeight = 3;
  GhostQueues ghosts;
  std::size_t forgotten = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const std::uint64_t hash = HashKey(std::to_string(i), 1);
    const std::size_t size = ghosts.size();
    const std::size_t bytes = ghosts.MemoryBytes();
    for (int time = 0; time < 3 && !ghosts.Find(hash); ++time) {
      if (!Ends(0, [&] { ghosts.Push(hash, kWeight); })) FAIL("it threw");
      const bool remembered = ghosts.Find(hash).has_value();
      REQUIRE(ghosts.size() == size + (remembered ? 1 : 0));
      REQUIRE(ghosts.weight() == kWeight * ghosts.size());
      REQUIRE(ghosts.MemoryBytes() == bytes);
      if (!remembered) ++forgotten;
    }
    if (!ghosts.Find(hash)) ghosts.Push(hash, kWeight);
    REQUIRE(ghosts.size() == size + 1);
  }
  CHECK(forgotten > 0);
  for (std::uint64_t i = 0; i < 5000; ++i) {
    REQUIRE(ghosts.Take(HashKey(std::to_string(i), 1)).has_value());
  }
  CHECK(ghosts.weight() == 0);
}

TEST_CASE("entries that memory runs out for leave nothing behind in the order") {
  Options options = WithRoom(kPlenty, "lru-k:k=3");
  options.capacity_entries = 20;
  Stage stage(options);
  const auto run_out = [&stage](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      const std::string key = Key(i % kPairs);
      for (std::int64_t granted = 0; granted < 12; ++granted) {
        Ends(granted, [&] { [[maybe_unused]] const auto value = stage.cache().Get(key); });
      }
    }
    return stage.cache().GetStats().memory_bytes;
  };
  const std::uint64_t bytes = run_out(2 * kPairs);
  CHECK(run_out(3000) == bytes);
}

TEST_CASE("memory runs out at every request of a recording's start, which can begin again then") {
  for (const std::string ending : {"", ".gz", ".zst"}) {
    CAPTURE(ending);
    const TempFolder folder;
    const std::string path = folder / ("a trace whose name takes memory" + ending);
    Stage stage(WithRoom(kPlenty, "lru"));
    const auto descriptors = [] {
      const std::filesystem::directory_iterator all("/proc/self/fd");
      return std::distance(begin(all), end(all));
    };
    const auto before = descriptors();
    bool started = false;
    for (std::int64_t granted = 0; !started; ++granted) {
      CAPTURE(granted);
      REQUIRE(granted < 200);
      const RecordOptions options = {.path = path, .sample = 1};
      Ends(granted, [&] { started = stage.cache().StartRecording(options).has_value(); });
      if (!started) {
        CHECK_FALSE(stage.cache().GetStats().recording.active);
        CHECK_FALSE(std::filesystem::exists(path));
        CHECK(descriptors() == before);
        REQUIRE(Text(stage.cache().StartRecording(options)) == "ok");
      }
      CHECK(stage.cache().StopRecording());
      CHECK(std::filesystem::remove(path));
    }
  }
}

TEST_CASE("memory runs out while a recording's writer says what went wrong") {
  if (access("/dev/full", W_OK) != 0) return Skip("no /dev/full here");
  const std::string full = "error: cannot write /dev/full: No space left on device";
  Stage stage(WithRoom(kPlenty, "lru"));
  std::string outcome;
  for (std::int64_t granted = 0; outcome != full; ++granted) {
    CAPTURE(granted);
    REQUIRE(granted < 100);
    requests_of_new_threads = granted;
    CHECK(Text(stage.cache().StartRecording({.path = "/dev/full", .sample = 1})) == "ok");
    CHECK(Text(stage.cache().Get(Key(1))) == Content(1));
    const auto stopped = stage.cache().StopRecording();
    requests_of_new_threads = -1;
    REQUIRE_FALSE(stopped);
    outcome = Text(stopped.error());
    CHECK((outcome == full || outcome == "error: out of memory"));
    CHECK("error: " + stage.cache().GetStats().recording.error == outcome);
  }
}

// A pipe that nobody reads from is a disk that is too slow.
TEST_CASE("a lookup without memory ends a recording that is too slow, and does not fail") {
  const TempFolder folder;
  const std::string path = folder / "pipe";
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  Stage stage(WithRoom(kPlenty, "lru"));
  const std::string key(1000, 'k');
  CHECK(Text(stage.cache().Put(key, "v")) == "ok");
  CHECK(Look(stage.cache(), key) == "v, hit");
  CHECK(Text(stage.cache().StartRecording({.path = path, .sample = 1})) == "ok");
  std::size_t failed = 0;
  while (failed == 0 && stage.cache().GetStats().recording.active) {
    failed += !Ends(0, [&] { [[maybe_unused]] const auto value = stage.cache().Get(key); });
  }
  CHECK(failed == 0);
  close(reader);
  const auto stopped = stage.cache().StopRecording();
  REQUIRE_FALSE(stopped);
  CHECK(Text(stopped.error()) == "error: out of memory");
}

TEST_CASE(
    "memory runs out at every request of the memory store's Write, which writes all or none") {
  Batch batch;
  batch.Delete(Key(0));
  for (std::size_t i = 1; i < 6; ++i) batch.Put(Key(i), Content(i + 1));
  batch.DeleteRange(Key(6), Key(7));
  const auto contents = [](Store& store) {
    std::string all;
    for (std::size_t i = 0; i < 8; ++i) all += ReadStore(store, Key(i)) + ";";
    return all;
  };
  bool written = false;
  for (std::int64_t granted = 0; !written; ++granted) {
    CAPTURE(granted);
    REQUIRE(granted < 200);
    const auto store = MakeMemoryStore();
    for (std::size_t i = 0; i < 8; ++i) CHECK(Text(PutStore(*store, Key(i), Content(i))) == "ok");
    const std::string before = contents(*store);
    written = Ends(granted, [&] { [[maybe_unused]] const auto ok = store->Write(batch, {}); });
    CHECK((contents(*store) == before) == !written);
    if (written) CHECK(ReadStore(*store, Key(5)) == Content(6));
  }
}

}  // namespace
}  // namespace kvcache::testing
