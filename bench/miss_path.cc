// What misses, writes, evictions and changes of settings cost.
//
//   cold-get/kvcache-POLICY/filling|evicting, cold-get/rocksdb     keys are read from RocksDB
//   put, delete, write-100/kvcache-lru|rocksdb       time per key; RocksDB with its defaults
//   insert/kvcache-POLICY|mutex-list-lru             into a full tier: each one evicts
//   churn/kvcache-POLICY|mutex-list-lru/hit:PERCENT/threads:N    look up, insert what is missing
//   settings/set-policy|set-capacity/entries:N       on a full tier, while a reader runs
//   settings/none/entries:N          the same while another thread computes: the machine's own
//   pauses
//
// Values are of 100 bytes. Counters: p50_ns, p99_ns, p999_ns of single operations; for settings the
// longest_hit_us and longest_miss_us that a reader saw, and the seconds that the change took.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "kvcache/cache.h"
#include "kvcache/rocksdb.h"
#include "support/program.h"
#include "support/requests.h"
#include "systems/kvcache_system.h"
#include "systems/list_lru.h"
#include "systems/rocksdb_system.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kValueBytes = 100;

std::uint64_t NanosecondsSince(Clock::time_point begin) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count());
}

void CountPercentiles(benchmark::State& state, std::vector<std::uint64_t>& nanoseconds) {
  if (nanoseconds.empty()) return;
  std::ranges::sort(nanoseconds);
  const auto at = [&](std::size_t permille) {
    return static_cast<double>(nanoseconds[(nanoseconds.size() - 1) * permille / 1000]);
  };
  state.counters["p50_ns"] = at(500);
  state.counters["p99_ns"] = at(990);
  state.counters["p999_ns"] = at(999);
}

// --- Over RocksDB ---

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

// A database with all keys in it, shared by benchmarks, each of which opens its cache over it.
class Database {
 public:
  explicit Database(std::size_t entries) : entries_(entries) {
    rocksdb::Options options = RocksDbOptionsFor(RocksDbCache::kBlockLru, std::size_t{1} << 30);
    rocksdb::DB* db = nullptr;
    if (!rocksdb::DB::Open(options, folder_.path().string(), &db).ok()) std::exit(1);
    db_.reset(db);
    for (const std::uint32_t i : Shuffled(entries)) {
      db_->Put({}, KeyOf(i), ValueOf(i, kValueBytes));
    }
    Settle();
    std::string value;
    for (std::size_t i = 0; i < entries; ++i) db_->Get({}, KeyOf(i), &value);  // into block cache
  }
  rocksdb::DB& db() { return *db_; }
  // Flushes and compacts, so that whoever writes next does not pay for what was written before.
  void Settle() {
    db_->Flush({});
    db_->CompactRange({}, nullptr, nullptr);
  }
  std::unique_ptr<kvcache::Cache> NewCache(const char* policy, std::uint64_t capacity) {
    return OpenOrExit({.capacity = capacity, .policy = policy}, *kvcache::WrapRocksDb(db_.get()));
  }
  // Keys in the order in which they are asked for: each once, then again.
  std::string_view operator[](std::size_t i) const { return keys_[i % keys_.size()]; }
  std::size_t entries() const { return entries_; }

 private:
  std::vector<std::string> MakeKeys() const {
    std::vector<std::string> keys;
    for (const std::uint32_t i : Shuffled(entries_)) keys.push_back(KeyOf(i));
    return keys;
  }

  const std::size_t entries_;
  const std::vector<std::string> keys_ = MakeKeys();
  ScratchFolder folder_;
  std::unique_ptr<rocksdb::DB> db_;
};

std::uint64_t CapacityFor(std::size_t entries) { return entries * (kValueBytes + 80); }

// Reads keys that it has not read before: into a tier where they fit, or into a full one of a tenth
// of them.
void ColdGet(benchmark::State& state, Database& database, const char* policy, bool evicting) {
  const std::size_t entries = database.entries();
  const auto cache =
      database.NewCache(policy, evicting ? CapacityFor(entries / 10) : 2 * CapacityFor(entries));
  std::size_t i = 0;
  std::string value;
  for (; evicting && i < entries / 4; ++i) (void)cache->Get(database[i], value);
  for (auto _ : state) benchmark::DoNotOptimize(cache->Get(database[i++], value));
  if (!evicting && i > entries) state.SkipWithError("keys were read twice: fewer iterations");
}

void ColdGetAlone(benchmark::State& state, Database& database) {
  std::size_t i = 0;
  rocksdb::PinnableSlice value;
  for (auto _ : state) {
    value.Reset();
    benchmark::DoNotOptimize(
        database.db().Get({}, database.db().DefaultColumnFamily(), SliceOf(database[i++]), &value));
  }
}

enum class Writing : std::uint8_t { kPut, kDelete, kBatch };

void Write(benchmark::State& state, Database& database, Writing writing) {
  const auto cache = database.NewCache("lru", CapacityFor(database.entries() / 10));
  const std::string value = ValueOf(1, kValueBytes);
  std::size_t i = 0;
  for (; i < database.entries() / 4; ++i) (void)cache->Put(database[i], value);
  database.Settle();
  kvcache::Batch batch;
  const benchmark::IterationCount keys = writing == Writing::kBatch ? 100 : 1;
  while (state.KeepRunningBatch(keys)) {
    if (writing == Writing::kPut) {
      benchmark::DoNotOptimize(cache->Put(database[i++], value));
    } else if (writing == Writing::kDelete) {
      benchmark::DoNotOptimize(cache->Delete(database[i++]));
    } else {
      batch.Clear();
      for (int k = 0; k < 100; ++k) batch.Put(database[i++], value);
      benchmark::DoNotOptimize(cache->Write(batch));
    }
  }
}

void WriteAlone(benchmark::State& state, Database& database, Writing writing) {
  const std::string value = ValueOf(1, kValueBytes);
  const auto slice = [&](std::size_t at) { return SliceOf(database[at]); };
  std::size_t i = 0;
  for (; i < database.entries() / 4; ++i) database.db().Put({}, slice(i), value);
  database.Settle();
  rocksdb::WriteBatch batch;
  const benchmark::IterationCount keys = writing == Writing::kBatch ? 100 : 1;
  while (state.KeepRunningBatch(keys)) {
    if (writing == Writing::kPut) {
      benchmark::DoNotOptimize(database.db().Put({}, slice(i++), value));
    } else if (writing == Writing::kDelete) {
      benchmark::DoNotOptimize(database.db().Delete({}, slice(i++)));
    } else {
      batch.Clear();
      for (int k = 0; k < 100; ++k) batch.Put(slice(i++), value);
      benchmark::DoNotOptimize(database.db().Write({}, &batch));
    }
  }
}

// One for those that read, which stays as it is, and one for those that write.
Database& ToRead(std::size_t entries) {
  static Database database(entries);
  return database;
}
Database& ToWrite(std::size_t entries) {
  static Database database(entries);
  return database;
}

void RegisterStoreBound(std::size_t entries) {
  const auto iterations = static_cast<benchmark::IterationCount>(entries / 2);
  const auto add = [&](const std::string& name, Database& (*database)(std::size_t), auto run) {
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      run(state, database(entries));
    })->Iterations(iterations);
  };
  for (const char* policy : {"lru", "lfu", "lru-k"}) {
    for (const bool evicting : {false, true}) {
      add(fmt::format("cold-get/kvcache-{}/{}", policy, evicting ? "evicting" : "filling"), ToRead,
          [=](benchmark::State& s, Database& d) { ColdGet(s, d, policy, evicting); });
    }
  }
  add("cold-get/rocksdb", ToRead, ColdGetAlone);
  const std::pair<const char*, Writing> writings[] = {
      {"put", Writing::kPut}, {"delete", Writing::kDelete}, {"write-100", Writing::kBatch}};
  for (const auto& [name, writing] : writings) {
    add(fmt::format("{}/kvcache-lru", name), ToWrite,
        [=](benchmark::State& s, Database& d) { Write(s, d, writing); });
    add(fmt::format("{}/rocksdb", name), ToWrite,
        [=](benchmark::State& s, Database& d) { WriteAlone(s, d, writing); });
  }
}

// --- The tier alone ---

// Keys by number, made beforehand.
const std::vector<std::string>& Keys(std::size_t count) {
  static std::vector<std::string> keys;
  for (std::size_t i = keys.size(); i < count; ++i) keys.push_back(KeyOf(i));
  return keys;
}

template <class System>
void Insert(benchmark::State& state, System& system, std::size_t entries) {
  const auto& keys = Keys(4 * entries);
  const std::string value = ValueOf(1, kValueBytes);
  std::string got;
  std::size_t i = 0;
  // Full, and every other entry was hit: evictions meet nodes whose rank has changed.
  for (; i < 2 * entries; ++i) {
    system.Put(keys[i], value);
    system.Get(keys[i / 2], got);
  }
  std::vector<std::uint64_t> nanoseconds;
  nanoseconds.reserve(static_cast<std::size_t>(state.max_iterations));
  for (auto _ : state) {
    const auto begin = Clock::now();
    system.Put(keys[i++ % keys.size()], value);
    nanoseconds.push_back(NanosecondsSince(begin));
  }
  CountPercentiles(state, nanoseconds);
}

constexpr std::size_t kDrawn = std::size_t{1} << 20;

// Uniform requests for so many keys that `hit_percent` of them are in the tier.
template <class System>
void Churn(benchmark::State& state, System& system, std::size_t entries, std::size_t hit_percent,
           std::size_t& next) {
  const std::size_t count = entries * 100 / hit_percent;
  const auto& keys = Keys(count);
  const auto drawn = Draw(Distribution::kUniform, count, kDrawn);
  const std::string value = ValueOf(1, kValueBytes);
  std::string got;
  std::size_t hits = 0;
  std::size_t i = next;
  for (auto _ : state) {
    const std::string& key = keys[drawn[i++ % drawn.size()]];
    if (system.Get(key, got)) {
      ++hits;
    } else {
      system.Put(key, value);
    }
  }
  next = i;
  state.counters["hit_ratio"] =
      benchmark::Counter(static_cast<double>(hits) / static_cast<double>(state.iterations()),
                         benchmark::Counter::kAvgThreads);
}

// A full system, and where each thread goes on in the requests: what one thread or repetition has
// just inserted must not be the next one's hits.
template <class System>
struct Churned {
  std::unique_ptr<System> system;
  std::array<std::size_t, 2> next;
};

template <class Make>
auto NewChurned(std::size_t entries, std::size_t hit_percent, Make make) {
  Churned churned{make(), {0, kDrawn / 2}};
  const std::size_t count = entries * 100 / hit_percent;
  for (std::size_t i = 0; i < 2 * entries; ++i) {
    churned.system->Put(Keys(count)[i % count], ValueOf(1, kValueBytes));
  }
  return churned;
}

template <class Make>
void RegisterTier(std::string_view name, std::size_t entries, Make make) {
  const auto iterations = static_cast<benchmark::IterationCount>(entries);
  benchmark::RegisterBenchmark(fmt::format("insert/{}", name).c_str(),
                               [=](benchmark::State& state) {
                                 auto system = make();
                                 Insert(state, *system, entries);
                               })
      ->Iterations(iterations);
  for (const std::size_t percent : {10, 50, 90}) {
    for (const int threads : {1, 2}) {
      benchmark::RegisterBenchmark(
          fmt::format("churn/{}/hit:{}", name, percent).c_str(),
          [=](benchmark::State& state) {
            static std::mutex making;
            static std::map<std::size_t, decltype(NewChurned(entries, percent, make))> made;
            std::unique_lock lock(making);
            if (!made.contains(percent)) made.emplace(percent, NewChurned(entries, percent, make));
            auto& churned = made.at(percent);
            lock.unlock();
            Churn(state, *churned.system, entries, percent,
                  churned.next[static_cast<std::size_t>(state.thread_index())]);
          })
          ->Threads(threads);
    }
  }
}

// --- Settings ---

std::uint64_t Timed(kvcache::Cache& cache, const std::string& key, std::string& value) {
  const auto begin = Clock::now();
  (void)cache.Get(key, value);
  return NanosecondsSince(begin);
}

// Runs `change` on a full tier while one reader hits and misses by turns and times each call. One,
// because with more threads than processors it would be the scheduler that is measured.
void Settings(benchmark::State& state, std::size_t entries,
              const std::function<void(kvcache::Cache&)>& change) {
  const auto cache = OpenOrExit({.capacity = CapacityFor(entries), .policy = "lru"},
                                std::make_unique<NullStore>());
  for (std::size_t i = 0; i < entries; ++i) (void)cache->Put(KeyOf(i), ValueOf(1, kValueBytes));
  for (auto _ : state) {
    std::atomic<bool> done{false};
    std::uint64_t hit = 0;
    std::uint64_t miss = 0;
    std::thread reader([&] {
      std::string value;
      for (std::uint64_t i = 0; !done.load(std::memory_order_relaxed); ++i) {
        // The youngest, which stay; and what was never there.
        hit = std::max(hit, Timed(*cache, KeyOf(entries - 1 - i % 1000), value));
        miss = std::max(miss, Timed(*cache, KeyOf(entries + i), value));
      }
    });
    const auto begin = Clock::now();
    change(*cache);
    state.counters["seconds"] = static_cast<double>(NanosecondsSince(begin)) / 1e9;
    done = true;
    reader.join();
    state.counters["longest_hit_us"] = static_cast<double>(hit) / 1000;
    state.counters["longest_miss_us"] = static_cast<double>(miss) / 1000;
  }
}

void RegisterSettings(std::size_t entries) {
  const auto add = [&](std::string_view name, std::function<void(kvcache::Cache&)> change) {
    benchmark::RegisterBenchmark(fmt::format("settings/{}/entries:{}", name, entries).c_str(),
                                 [=](benchmark::State& state) { Settings(state, entries, change); })
        ->Iterations(1)
        ->Unit(benchmark::kSecond);
  };
  add("none", [](kvcache::Cache&) {
    const auto begin = Clock::now();
    while (NanosecondsSince(begin) < 3'000'000'000) continue;
  });
  add("set-policy", [](kvcache::Cache& cache) { (void)cache.SetPolicy("lfu"); });
  add("set-capacity",
      [entries](kvcache::Cache& cache) { (void)cache.SetCapacity(CapacityFor(entries) / 2); });
}

void RegisterAll(const Sizes& sizes) {
  const std::size_t entries = sizes.EntriesOf(kValueBytes);
  RegisterStoreBound(entries);
  // Systems that hold so many of many more keys.
  const std::size_t small = std::max<std::size_t>(entries / 5, 1);
  const std::uint64_t capacity = CapacityFor(small);
  RegisterTier("kvcache-lru", small,
               [=] { return std::make_unique<KvcacheSystem>("lru", capacity); });
  RegisterTier("kvcache-lfu", small,
               [=] { return std::make_unique<KvcacheSystem>("lfu", capacity); });
  RegisterTier("kvcache-lru-k", small,
               [=] { return std::make_unique<KvcacheSystem>("lru-k", capacity); });
  RegisterTier("mutex-list-lru", small,
               [=] { return std::make_unique<MutexListLru>(small, kValueBytes); });
  RegisterSettings(entries);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::RunProgram(argc, argv, bench::RegisterAll); }
