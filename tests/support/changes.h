// Every call that changes a key, or says that it changed: after it, what was read before must not
// be cached.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "support/scene.h"

namespace kvcache::testing {

// A change of key "k", whose value in the store is "old" before it.
struct Change {
  std::string name;
  std::function<std::string(Scene&)> run;  // returns its outcome as text
  std::string after;                       // what the store has afterwards
  bool fills_tier = false;                 // and the tier, without a further read
  std::string outcome = "ok";              // how the outcome begins
};

// Writes that reach the gates of the store.
inline std::vector<Change> Writes() {
  const auto put = [](Scene& scene) { return scene.Put("k", "new"); };
  const auto put_unfilled = [](Scene& scene) {
    return Text(scene.cache().Put("k", "new", {.fill_tier = false}));
  };
  const auto remove = [](Scene& scene) { return Text(scene.cache().Delete("k")); };
  const auto batch = [](Scene& scene) {
    Batch steps;
    steps.Delete("j");
    steps.Put("k", "new");
    return Text(scene.cache().Write(steps));
  };
  const auto range = [](Scene& scene) { return Text(scene.cache().DeleteRange("k", "l")); };
  const auto batch_with_range = [](Scene& scene) {
    Batch steps;
    steps.DeleteRange("a", "z");
    steps.Put("k", "new");
    return Text(scene.cache().Write(steps));
  };
  const auto with_key = [](Scene& scene) {
    const std::string_view key = "k";
    const auto commit = [&] { return PutStore(scene.store(), "k", "new"); };
    return Text(scene.cache().WriteWith({&key, 1}, commit));
  };
  const auto with_range = [](Scene& scene) {
    const auto commit = [&] { return PutStore(scene.store(), "k", "new"); };
    return Text(scene.cache().WriteWith(KeyRange{.from = "k", .to = {}}, commit));
  };
  return {{"Put", put, "new", true},
          {"Put that does not fill the tier", put_unfilled, "new"},
          {"Delete", remove, "(absent)"},
          {"a batch", batch, "new", true},
          {"DeleteRange", range, "(absent)"},
          {"a batch with DeleteRange and Put", batch_with_range, "new"},
          {"WriteWith a key", with_key, "new"},
          {"WriteWith a range", with_range, "new"}};
}

// Writes that fail, with and without effect.
inline std::vector<Change> FailingWrites() {
  const auto put_after = [](Fault fault) {
    return [fault](Scene& scene) {
      scene.faults().FailNextWrite(fault);
      return scene.Put("k", "new");
    };
  };
  const auto range = [](Scene& scene) {
    scene.faults().FailNextWrite(Fault::kErrorAfterEffect);
    return Text(scene.cache().DeleteRange("a", "z"));
  };
  const auto with_key = [](Scene& scene) {
    const std::string_view key = "k";
    const auto commit = [&]() -> Result<void> {
      scene.PutBehind("k", "new");
      return Fail(ErrorCode::kBusy, "conflict");
    };
    return Text(scene.cache().WriteWith({&key, 1}, commit));
  };
  const std::string injected = "error: injected";
  return {
      {"Put that fails", put_after(Fault::kError), "old", false, injected},
      {"Put that fails after its effect", put_after(Fault::kErrorAfterEffect), "new", false,
       injected},
      {"Put whose store throws", put_after(Fault::kException), "old", false, "error: "},
      {"DeleteRange that fails after its effect", range, "(absent)", false, injected},
      {"WriteWith that fails after its effect", with_key, "new", false, "error: conflict"},
  };
}

// Writes past the cache, followed by what the documentation asks for.
inline std::vector<Change> OutsideWrites() {
  const auto then = [](const std::function<void(Cache&)>& invalidate) {
    return [invalidate](Scene& scene) {
      scene.PutBehind("k", "new");
      invalidate(scene.cache());
      return std::string("ok");
    };
  };
  const auto catch_up = [](Scene& scene) {
    scene.store().OnCatchUp([&] { return PutStore(scene.behind(), "k", "new"); });
    return Text(scene.cache().CatchUp());
  };
  return {
      {"Invalidate", then([](Cache& cache) { cache.Invalidate("k"); }), "new"},
      {"InvalidatePrefix", then([](Cache& cache) { cache.InvalidatePrefix("k"); }), "new"},
      {"InvalidatePrefix of all", then([](Cache& cache) { cache.InvalidatePrefix(""); }), "new"},
      {"InvalidateAll", then([](Cache& cache) { cache.InvalidateAll(); }), "new"},
      {"CatchUp", catch_up, "new"}};
}

inline std::vector<Change> AllChanges() {
  std::vector<Change> all = Writes();
  for (const auto& group : {FailingWrites(), OutsideWrites()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

inline void Apply(Scene& scene, const Change& change) {
  const std::string outcome = change.run(scene);
  CHECK_MESSAGE(outcome.starts_with(change.outcome), change.name << ": " << outcome);
}

// The change on a thread of its own.
inline Task Start(Scene& scene, const Change& change) {
  return Task([&] { return change.run(scene); });
}

// What a reader gets who has to read the store: `stored` is a value or kAbsent.
inline std::string Read(std::string_view stored) {
  return std::string(stored) + (stored == kAbsent ? "" : ", read");
}

// What the first reader after the change gets, when nothing but the change may have cached.
inline std::string FirstLookAfter(const Change& change) {
  return change.fills_tier ? change.after + ", hit" : Read(change.after);
}

// Plays a scenario for every change and policy, with "k" = "old" in the store.
inline void ForEach(const std::vector<Change>& changes,
                    const std::function<void(Scene&, const Change&)>& play) {
  for (const Change& change : changes) {
    CAPTURE(change.name);
    ForEachPolicy([&](Scene& scene) {
      scene.PutBehind("k", "old");
      play(scene, change);
    });
  }
}

}  // namespace kvcache::testing
