// Millions of calls from eight threads over few keys: no reader ever gets a value older than one
// that it, or anyone who finished before it began, has seen.
//
// Each key has a `floor`: the latest version that an acknowledged write left or a finished read
// saw. A reader notes the floor before it begins, and must get that version or a later one.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/crowd.h"
#include "support/sanitizers.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kThreads = Crowd::kThreads;
constexpr std::size_t kKeysPerThread = 8;
constexpr std::size_t kKeys = kThreads * kKeysPerThread;
constexpr std::size_t kSwitchEvery = 500;

Options StressOptions() {
  Options options;
  options.capacity = std::uint64_t{1} << 20;
  options.shards = 4;
  options.cache_absent = true;
  return options;
}

// "k<owner>.<number>": a range holds the keys of one owner and no others.
std::string KeyName(std::size_t key) {
  return "k" + std::to_string(key / kKeysPerThread) + "." + std::to_string(key % kKeysPerThread);
}

// Every byte follows from key and version, so a mixture of two values is noticed.
std::string ValueOf(std::size_t key, std::uint64_t version) {
  std::string value = std::to_string(key) + ":" + std::to_string(version) + ":";
  value.resize(value.size() + version * 7919 % 300, static_cast<char>('a' + version % 26));
  return value;
}

// The version that a value claims to be; nothing when it is not that version of that key.
std::optional<std::uint64_t> VersionOf(std::size_t key, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::uint64_t version =
      std::strtoull(std::string(value.substr(colon + 1, 20)).c_str(), nullptr, 10);
  if (ValueOf(key, version) != value) return std::nullopt;
  return version;
}

// A key with one writer: versions count its writes. Every fifth leaves the key deleted, so an
// absence tells a version too: one divisible by 5.
struct OwnedKey {
  std::atomic<std::uint64_t> started{0};  // the writer's latest, acknowledged or not
  std::atomic<std::uint64_t> floor{0};
};
constexpr std::uint64_t kDeletedEvery = 5;
constexpr std::uint64_t NextDeleted(std::uint64_t version) {
  return (version + kDeletedEvery - 1) / kDeletedEvery * kDeletedEvery;
}

class SingleWriterStress {
 public:
  void Run(std::size_t calls_per_thread) {
    crowd_.Run(calls_per_thread, kSwitchEvery,
               [this](std::size_t thread, Random& random) { Call(thread, random); });
    for (std::size_t key = 0; key < kKeys; ++key) {
      const std::string name = KeyName(key);
      CHECK(Text(crowd_.cache().Get(name)) == ReadStore(crowd_.store(), name));
    }
    const ShardStats stats = crowd_.cache().GetStats().total;
    CHECK(stats.hits > 0);
    MESSAGE("hits " << stats.hits << ", misses " << stats.misses << ", shared "
                    << stats.shared_loads << ", stale " << stats.stale_loads);
  }

 private:
  void Call(std::size_t thread, Random& random) {
    const std::uint32_t what = Below(random, 1000);
    const std::size_t key = Below(random, kKeys);
    const std::size_t own = thread * kKeysPerThread + Below(random, kKeysPerThread);
    if (what < 400) return Read(key);
    if (what < 500) return ReadIntoString(key);
    if (what < 600) return ReadMany(random);
    if (what < 640) return Contains(key);
    if (what < 860) return WriteOne(own, random);
    if (what < 930) return WriteBatch(thread, random);
    if (what < 940) return DeleteAll(thread);
    if (what < 970) return WriteWith(thread, own, random);
    if (what < 990) return crowd_.cache().Invalidate(KeyName(key));
    if (what < 993) return crowd_.cache().InvalidatePrefix(KeyName(key).substr(0, 3));
    if (what < 995) return crowd_.cache().InvalidateAll();
    Scan(Below(random, kThreads));
  }

  // What a reader got that began when the floor was `floor`.
  void Saw(std::size_t key, std::uint64_t floor, const std::optional<std::string_view>& value) {
    const std::uint64_t started = keys_[key].started.load();
    std::uint64_t version = NextDeleted(floor);  // of an absence: at least that
    if (value) {
      const auto told = VersionOf(key, *value);
      if (!told) return crowd_.Fail("mixed bytes: " + std::string(*value));
      version = *told;
      if (version % kDeletedEvery == 0) return crowd_.Fail("a version that was never put");
    }
    if (version < floor || version > started) {
      return crowd_.Fail(KeyName(key) + (value ? ": version " : ": absent, version ") +
                         std::to_string(version) + " where " + std::to_string(floor) + " to " +
                         std::to_string(started) + " can be");
    }
    Raise(keys_[key].floor, version);
  }
  void SawAnswer(std::size_t key, std::uint64_t floor, const Result<std::optional<Value>>& answer) {
    if (!answer) return crowd_.Fail(Text(answer));
    Saw(key, floor, *answer ? std::optional((*answer)->view()) : std::nullopt);
  }

  void Read(std::size_t key) {
    const std::uint64_t floor = keys_[key].floor.load();
    SawAnswer(key, floor, crowd_.cache().Get(KeyName(key)));
  }
  void ReadIntoString(std::size_t key) {
    thread_local std::string value;
    const std::uint64_t floor = keys_[key].floor.load();
    const auto found = crowd_.cache().Get(KeyName(key), value);
    if (!found) return crowd_.Fail(Text(found));
    Saw(key, floor, *found ? std::optional<std::string_view>(value) : std::nullopt);
  }
  void ReadMany(Random& random) {
    std::vector<std::size_t> keys(1 + Below(random, 8));
    std::vector<std::string> names;
    std::vector<std::uint64_t> floors;
    for (std::size_t& key : keys) {
      key = Below(random, kKeys);
      names.push_back(KeyName(key));
      floors.push_back(keys_[key].floor.load());
    }
    const auto answers =
        crowd_.cache().MultiGet(std::vector<std::string_view>(names.begin(), names.end()));
    for (std::size_t i = 0; i < keys.size(); ++i) SawAnswer(keys[i], floors[i], answers[i]);
  }
  void Contains(std::size_t key) {
    const std::uint64_t floor = keys_[key].floor.load();
    const auto found = crowd_.cache().Contains(KeyName(key));
    if (!found) return crowd_.Fail(Text(found));
    if (!*found) return Saw(key, floor, std::nullopt);
    const bool always_deleted = floor % kDeletedEvery == 0 && keys_[key].started.load() == floor;
    if (always_deleted) crowd_.Fail(KeyName(key) + ": contained, but deleted");
  }

  // One of the owner's keys gets its next version, in the batch; to be published when written.
  void Add(Batch& batch, std::size_t key) {
    const std::uint64_t version = ++keys_[key].started;
    if (version % kDeletedEvery == 0) {
      batch.Delete(KeyName(key));
    } else {
      batch.Put(KeyName(key), ValueOf(key, version));
    }
  }
  void Publish(std::size_t key) { Raise(keys_[key].floor, keys_[key].started.load()); }

  void WriteOne(std::size_t key, Random& random) {
    const std::uint64_t version = ++keys_[key].started;
    const std::string name = KeyName(key);
    const WriteOptions options{.sync = false, .fill_tier = Below(random, 8) != 0};
    crowd_.Expect(version % kDeletedEvery == 0
                      ? crowd_.cache().Delete(name, options)
                      : crowd_.cache().Put(name, ValueOf(key, version), options),
                  "write");
    Publish(key);
  }
  void WriteBatch(std::size_t thread, Random& random) {
    Batch batch;
    const std::size_t first = thread * kKeysPerThread;
    const std::size_t end = first + 1 + Below(random, kKeysPerThread);
    for (std::size_t key = first; key < end; ++key) Add(batch, key);
    Add(batch, first);  // again: the last operation decides
    crowd_.Expect(crowd_.cache().Write(batch), "batch");
    for (std::size_t key = first; key < end; ++key) Publish(key);
  }
  void DeleteAll(std::size_t thread) {
    const std::size_t first = thread * kKeysPerThread;
    for (std::size_t key = first; key < first + kKeysPerThread; ++key) {
      keys_[key].started = NextDeleted(keys_[key].started + 1);
    }
    const std::string begin = "k" + std::to_string(thread) + ".";
    crowd_.Expect(crowd_.cache().DeleteRange(begin, begin + "~"), "range");
    for (std::size_t key = first; key < first + kKeysPerThread; ++key) Publish(key);
  }
  void WriteWith(std::size_t thread, std::size_t key, Random& random) {
    Batch batch;
    Add(batch, key);
    const auto commit = [&] { return crowd_.store().Write(batch, {}); };
    const std::string name = KeyName(key);
    const std::string_view view = name;
    const std::string begin = "k" + std::to_string(thread);
    crowd_.Expect(Below(random, 2) == 0
                      ? crowd_.cache().WriteWith({&view, 1}, commit)
                      : crowd_.cache().WriteWith(KeyRange{begin, begin + "~"}, commit),
                  "WriteWith");
    Publish(key);
  }

  // All keys of one owner, those that the scan does not show included.
  void Scan(std::size_t owner) {
    const std::size_t first = owner * kKeysPerThread;
    std::array<std::uint64_t, kKeysPerThread> floors{};
    for (std::size_t i = 0; i < kKeysPerThread; ++i) floors[i] = keys_[first + i].floor.load();
    ScanOptions options;
    options.prefix = "k" + std::to_string(owner) + ".";
    std::map<std::string, std::string> pairs;
    const auto visit = [&](std::string_view key, std::string_view value) {
      pairs.emplace(key, value);
      return true;
    };
    crowd_.Expect(crowd_.cache().Scan(options, visit), "Scan");
    for (std::size_t i = 0; i < kKeysPerThread; ++i) {
      const auto found = pairs.find(KeyName(first + i));
      Saw(first + i, floors[i],
          found == pairs.end() ? std::nullopt : std::optional<std::string_view>(found->second));
    }
  }

  Crowd crowd_{StressOptions()};
  std::array<OwnedKey, kKeys> keys_;
};

// Every thread writes every key. A write's version is a stamp taken as it begins; when it has
// ended, a second stamp is noted. A reader must not get a write that ended before the one began
// whose version the floor is.
class ManyWriterStress {
 public:
  explicit ManyWriterStress(std::size_t calls_per_thread)
      : calls_(calls_per_thread), ends_(2 * kThreads * calls_per_thread + 2) {}

  void Run() {
    for (std::size_t key = 0; key < kKeys; ++key) {
      Batch batch;
      batch.Put(KeyName(key), ValueOf(key, 0));
      crowd_.Expect(crowd_.cache().Write(batch), "first write");
    }
    crowd_.Run(calls_, kSwitchEvery, [this](std::size_t, Random& random) { Call(random); });
    for (std::size_t key = 0; key < kKeys; ++key) {
      const std::string name = KeyName(key);
      CHECK(Text(crowd_.cache().Get(name)) == ReadStore(crowd_.store(), name));
    }
  }

 private:
  void Call(Random& random) {
    const std::uint32_t what = Below(random, 100);
    if (what < 60) return Read(Below(random, kKeys));
    if (what < 98) return Write(random);
    crowd_.cache().Invalidate(KeyName(Below(random, kKeys)));
  }

  void Read(std::size_t key) {
    const std::uint64_t floor = floors_[key].load();
    const auto answer = crowd_.cache().Get(KeyName(key));
    if (!answer || !*answer) return crowd_.Fail(KeyName(key) + " lost: " + Text(answer));
    const auto version = VersionOf(key, (*answer)->view());
    if (!version) return crowd_.Fail("mixed bytes: " + Text(answer));
    const std::uint64_t end = ends_[*version].load();
    if (end != 0 && end < floor) {
      return crowd_.Fail(KeyName(key) + ": write " + std::to_string(*version) + " ended at " +
                         std::to_string(end) +
                         ", before one began that was seen: " + std::to_string(floor));
    }
    Raise(floors_[key], *version);
  }

  // Of few keys, so that writes cross.
  void Write(Random& random) {
    const std::uint64_t version = ++clock_;
    Batch batch;
    const std::size_t first = Below(random, 4);
    const std::size_t count = 1 + Below(random, 3);
    for (std::size_t key = first; key < first + count; ++key) {
      batch.Put(KeyName(key), ValueOf(key, version));
    }
    crowd_.Expect(crowd_.cache().Write(batch), "write");
    ends_[version] = ++clock_;
    for (std::size_t key = first; key < first + count; ++key) Raise(floors_[key], version);
  }

  const std::size_t calls_;
  Crowd crowd_{StressOptions()};
  std::atomic<std::uint64_t> clock_{0};
  std::vector<std::atomic<std::uint64_t>> ends_;  // by version; 0: not ended
  std::array<std::atomic<std::uint64_t>, kKeys> floors_{};
};

TEST_CASE("two million calls, one writer a key: no stale read") {
  SingleWriterStress().Run(kSanitized ? 20'000 : 250'000);
}

TEST_CASE("half a million calls, all writing the same keys: no stale read") {
  ManyWriterStress(kSanitized ? 8'000 : 62'500).Run();
}

// Copies take long enough here for their memory to be reused under them, were it given back early.
TEST_CASE("large values are copied whole while they are overwritten and evicted") {
  constexpr std::size_t kBytes = 48'000;
  Options options = StressOptions();
  options.shards = 1;
  Crowd crowd(options);
  const auto call = [&](std::size_t, Random& random) {
    thread_local std::string value;
    const std::string name = KeyName(Below(random, 20));
    if (Below(random, 4) == 0) {
      value.assign(kBytes, static_cast<char>('a' + Below(random, 26)));
      return crowd.Expect(crowd.cache().Put(name, value), "Put");
    }
    const auto found = crowd.cache().Get(name, value);
    if (!found) return crowd.Fail(Text(found));
    if (!*found) return;
    if (value.size() != kBytes || value.find_first_not_of(value[0]) != std::string::npos) {
      crowd.Fail("mixed bytes");
    }
  };
  crowd.Run(kSanitized ? 1'000 : 15'000, kSwitchEvery, call);
}

}  // namespace
}  // namespace kvcache::testing
