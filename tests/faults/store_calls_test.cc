// Every call of the store fails in turn, once and for ever, before and after its effect, in every
// operation: the error reaches the caller and says what, nothing wrong is read afterwards, what is
// cached is served all the while, and after the fault everything works.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "counted_store.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "support/scene.h"
#include "support/text.h"
#include "support/watchdog.h"

namespace kvcache::testing {
namespace {

// "a", "b" and "z" are in the store and in the tier, "c" and "d" in the store alone.
class Stage {
 public:
  explicit Stage(const Options& options) {
    auto memory = MakeMemoryStore();
    behind_ = memory.get();
    auto counted = std::make_unique<CountedStore>(std::move(memory));
    store_ = counted.get();
    store_->OnCatchUp([this] { CHECK(Text(PutStore(*behind_, "b", "followed")) == "ok"); });
    auto cache = Cache::Open(options, std::move(counted));
    REQUIRE_MESSAGE(cache, Text(cache.error()));
    cache_ = *std::move(cache);
    for (const std::string_view key : kThere) {
      CHECK(Text(PutStore(*behind_, key, "old " + std::string(key))) == "ok");
    }
    for (const std::string_view key : {"a", "b", "z"}) CHECK(Text(cache_->Get(key)) != kAbsent);
    store_->Heal();
  }

  Cache& cache() { return *cache_; }
  CountedStore& store() { return *store_; }
  Store& behind() { return *behind_; }

  // Every lookup, twice, gives what the store has.
  void CheckSettled() {
    for (const std::string_view key : {"a", "b", "c", "d", "z", "none", "new"}) {
      CAPTURE(key);
      const std::string stored = ReadStore(*behind_, key);
      for (int i = 0; i < 2; ++i) CHECK(Text(cache_->Get(key)) == stored);
      CHECK(Text(cache_->Contains(key)) == (stored == kAbsent ? "no" : "yes"));
    }
    std::string scanned;
    CHECK(cache_->Scan({}, [&](std::string_view key, std::string_view value) {
      scanned += std::string(key) + "=" + std::string(value) + " ";
      return Text(cache_->Get(key)) == value;
    }));
    CHECK(scanned.ends_with("z=old z "));
  }

 private:
  static constexpr std::string_view kThere[] = {"a", "b", "c", "d", "z"};

  Store* behind_ = nullptr;
  CountedStore* store_ = nullptr;
  std::unique_ptr<Cache> cache_;
};

struct Call {
  std::string name;
  std::function<std::string(Stage&)> run;  // its outcome as text
  bool drops_all = false;                  // what was cached, be it in vain
};

std::vector<Call> Reads() {
  const auto get_copy = [](Stage& stage) {
    std::string value;
    const auto found = stage.cache().Get("c", value);
    return found ? value : Text(found);
  };
  const auto scan = [](Stage& stage) {
    return Text(stage.cache().Scan({}, [](std::string_view, std::string_view) { return true; }));
  };
  const auto compute = [] { return Result<std::string>("computed"); };
  return {
      {"Get", [](Stage& stage) { return Text(stage.cache().Get("c")); }},
      {"Get of an absent key", [](Stage& stage) { return Text(stage.cache().Get("none")); }},
      {"Get into a string", get_copy},
      {"MultiGet", [](Stage& stage) { return LookAtAll(stage.cache(), {"c", "none", "d", "c"}); }},
      {"MultiGet of one key", [](Stage& stage) { return LookAtAll(stage.cache(), {"c"}); }},
      {"Contains", [](Stage& stage) { return Text(stage.cache().Contains("c")); }},
      {"Scan", scan},
      {"GetOrCompute of a key that is there",
       [compute](Stage& stage) { return Text(stage.cache().GetOrCompute("c", compute)); }},
      {"GetOrCompute",
       [compute](Stage& stage) { return Text(stage.cache().GetOrCompute("new", compute)); }},
  };
}

std::vector<Call> Writes() {
  const auto batch = [](Stage& stage) {
    Batch steps;
    steps.DeleteRange("b", "d");
    steps.Put("a", "new");
    steps.Put("new", "new");
    steps.Delete("d");
    return Text(stage.cache().Write(steps));
  };
  const auto commit = [](Stage& stage) {
    return [&stage] { return PutStore(stage.cache().store(), "a", "committed"); };
  };
  const auto with_key = [commit](Stage& stage) {
    const std::string_view key = "a";
    return Text(stage.cache().WriteWith({&key, 1}, commit(stage)));
  };
  const auto with_range = [commit](Stage& stage) {
    return Text(stage.cache().WriteWith(KeyRange{.from = "a", .to = "b"}, commit(stage)));
  };
  return {
      {"Put", [](Stage& stage) { return Text(stage.cache().Put("a", "new")); }},
      {"Put of a new key", [](Stage& stage) { return Text(stage.cache().Put("new", "new")); }},
      {"Delete", [](Stage& stage) { return Text(stage.cache().Delete("a")); }},
      {"DeleteRange", [](Stage& stage) { return Text(stage.cache().DeleteRange("a", "c")); }},
      {"Write", batch},
      {"WriteWith a key", with_key},
      {"WriteWith a range", with_range},
      {"CatchUp", [](Stage& stage) { return Text(stage.cache().CatchUp()); }, true},
  };
}

// What the caller is to see of a failure.
std::string Expected(Failure failure) {
  switch (failure) {
    case Failure::kError:
      return "error: disk 5: ";
    case Failure::kException:
      return "error: exception: thrown by the store";
    case Failure::kOtherException:
      return "error: exception of unknown type";
    case Failure::kBadAlloc:
      return "bad_alloc";
  }
  return "";
}

std::string Run(const Call& call, Stage& stage) {
  try {
    return call.run(stage);
  } catch (const std::bad_alloc&) {
    return "bad_alloc";
  }
}

void PlayFailure(const Call& call, const Options& options, const Plan& plan) {
  Stage stage(options);
  stage.store().Follow(plan);
  const std::string outcome = Run(call, stage);
  CHECK_MESSAGE(outcome.find(Expected(plan.failure)) == 0, outcome);
  if (!call.drops_all) CHECK(Look(stage.cache(), "z") == "old z, hit");
  if (plan.forever) {
    CHECK(Run({"", [](Stage& same) { return Text(same.cache().Get("other")); }}, stage)
              .starts_with(Expected(plan.failure)));
  }
  stage.store().Heal();
  stage.CheckSettled();
  CHECK(Run(call, stage).find("error") == std::string::npos);
  stage.CheckSettled();
}

void PlayAll(const std::vector<Call>& calls, const Options& options) {
  for (const Call& call : calls) {
    CAPTURE(call.name);
    Stage sound(options);
    CHECK(Run(call, sound).find("error") == std::string::npos);
    const std::uint64_t count = sound.store().calls();
    CHECK(count > 0);
    for (std::uint64_t number = 1; number <= count; ++number) {
      for (const Failure failure :
           {Failure::kError, Failure::kException, Failure::kOtherException, Failure::kBadAlloc}) {
        for (const bool forever : {false, true}) {
          for (const bool after : {false, true}) {
            CAPTURE(number);
            CAPTURE(Expected(failure));
            CAPTURE(forever);
            CAPTURE(after);
            PlayFailure(call, options, {number, forever, failure, after});
          }
        }
      }
    }
  }
}

void PlayEverywhere(const std::vector<Call>& calls) {
  const Watchdog watchdog("a call whose store fails");
  for (const char* policy : {"lru", "w-tinylfu"}) {
    for (const bool cache_absent : {false, true}) {
      CAPTURE(policy);
      CAPTURE(cache_absent);
      Options options = Capacity(std::uint64_t{1} << 20, 2);
      options.policy = policy;
      options.cache_absent = cache_absent;
      PlayAll(calls, options);
    }
  }
}

TEST_CASE("every store call of a read fails in turn") { PlayEverywhere(Reads()); }

TEST_CASE("every store call of a write fails in turn") { PlayEverywhere(Writes()); }

TEST_CASE("callbacks that throw become errors, and bad_alloc passes") {
  Stage stage(Capacity(std::uint64_t{1} << 20, 2));
  Cache& cache = stage.cache();
  const auto fail = [](Failure failure) {
    if (failure == Failure::kBadAlloc) throw std::bad_alloc();
    throw std::runtime_error("thrown by the caller");
  };
  const std::vector<std::pair<std::string, std::function<std::string(Failure)>>> calls = {
      {"Scan",
       [&](Failure failure) {
         return Text(cache.Scan({}, [&](std::string_view, std::string_view) -> bool {
           fail(failure);
           return true;
         }));
       }},
      {"GetOrCompute",
       [&](Failure failure) {
         return Text(cache.GetOrCompute("new", [&]() -> Result<std::string> {
           fail(failure);
           return "";
         }));
       }},
      {"WriteWith",
       [&](Failure failure) {
         const std::string_view key = "a";
         return Text(cache.WriteWith({&key, 1}, [&]() -> Result<void> {
           fail(failure);
           return {};
         }));
       }},
  };
  for (const auto& [name, call] : calls) {
    CAPTURE(name);
    CHECK(call(Failure::kException) == "error: exception: thrown by the caller");
    CHECK_THROWS_AS(call(Failure::kBadAlloc), std::bad_alloc);
    stage.CheckSettled();
  }
}

}  // namespace
}  // namespace kvcache::testing
