// The process that kill_test kills: several threads write a database through a cache, and say so in
// a journal before each call and after it, and by a byte on standard output after it.
//
// Usage: kill_worker DATABASE JOURNAL ROUND SEED
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "journal.h"
#include "kvcache/cache.h"
#include "kvcache/policy.h"
#include "small_files.h"
#include "support/random_trace.h"

namespace kvcache::testing {
namespace {

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "kill_worker: %s\n", why.c_str());
  std::_Exit(1);
}

void Say(char byte) {
  if (write(STDOUT_FILENO, &byte, 1) != 1) Die("cannot write standard output");
}

class Writer {
 public:
  Writer(Cache& cache, Journal& journal, std::uint64_t round, std::size_t number,
         std::uint64_t seed)
      : cache_(cache),
        journal_(journal),
        round_(round),
        number_(number),
        random_((seed * 1'000'003 + round) * kWriters + number) {}

  void Run() {
    for (std::size_t i = 0; i < kWritesEach; ++i) {
      if (Below(random_, 4) == 0) Read(Below(random_, kKeys));
      const Write write{.name = Journal::NameOf(round_, number_, i), .steps = RandomSteps()};
      const WriteOptions options{.sync = Below(random_, 32) == 0,
                                 .fill_tier = Below(random_, 4) != 0};
      journal_.Begin(number_, i, write.steps);
      const Result<void> done = Perform(write, options);
      if (!done) Die(done.error().message);
      journal_.Acknowledge(number_, i);
      Say('.');
    }
  }

 private:
  static Step PutOf(std::size_t key) {
    return {true, static_cast<std::uint16_t>(key), static_cast<std::uint16_t>(key + 1)};
  }
  static Step Deletion(std::size_t key, std::size_t count) {
    return {false, static_cast<std::uint16_t>(key), static_cast<std::uint16_t>(key + count)};
  }

  std::vector<Step> RandomSteps() {
    const std::size_t key = Below(random_, kSingles);
    const std::size_t group = Below(random_, kGroups);
    const std::uint32_t kind = Below(random_, 10);
    if (kind < 4) return {PutOf(key)};
    if (kind == 4) return {Deletion(key, 1)};
    if (kind == 5)
      return {Deletion(key, std::min<std::size_t>(1 + Below(random_, 8), kSingles - key))};
    if (kind == 6) return {Deletion(GroupKey(group, 0), kGroupSize)};
    std::vector<Step> steps;
    if (kind == 7) steps.push_back(Deletion(GroupKey(group, 0), kGroupSize));
    for (std::size_t i = 0; i < kGroupSize; ++i) steps.push_back(PutOf(GroupKey(group, i)));
    steps.push_back(kind == 8 ? PutOf(key) : Deletion(key, 1));
    return steps;
  }

  // A write of one step by the call that is made for it.
  Result<void> Perform(const Write& write, const WriteOptions& options) {
    const Step& step = write.steps[0];
    if (write.steps.size() > 1) return cache_.Write(BatchOf(write), options);
    if (step.put) return cache_.Put(KeyName(step.key), ValueOf(write.name, step.key), options);
    if (step.end == step.key + 1) return cache_.Delete(KeyName(step.key), options);
    return cache_.DeleteRange(KeyName(step.key), KeyName(step.end), options);
  }

  void Read(std::size_t key) {
    const auto value = cache_.Get(KeyName(key));
    if (!value) Die(value.error().message);
    if (*value && !(*value)->view().starts_with(KeyName(key) + " ")) Die("another key's value");
  }

  Cache& cache_;
  Journal& journal_;
  const std::uint64_t round_;
  const std::size_t number_;
  Random random_;
};

int Work(const std::string& path, Journal& journal, std::uint64_t round, std::uint64_t seed) {
  constexpr std::array<std::uint64_t, 3> kCapacities = {0, 64 << 10, 4 << 20};
  const std::vector<PolicyInfo> policies = RegisteredPolicies();
  const rocksdb::Options rocksdb_options = SmallFiles();
  Options options;
  options.path = path;
  options.rocksdb.rocksdb_options = &rocksdb_options;
  options.policy = policies[round % policies.size()].name;
  options.capacity = kCapacities[round % kCapacities.size()];
  options.cache_absent = round % 2 == 0;
  options.audit_one_in = 2;
  options.on_disagreement = [](std::string_view key) {
    Die("the store does not have " + std::string(key) + " so");
  };
  Say('.');  // from here on it may be killed
  auto cache = Cache::Open(options);
  if (!cache) Die(cache.error().message);

  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] { Writer(**cache, journal, round, i, seed).Run(); });
  }
  threads.clear();
  pause();
  return 0;
}

}  // namespace
}  // namespace kvcache::testing

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: kill_worker DATABASE JOURNAL ROUND SEED\n", stderr);
    return 2;
  }
  kvcache::testing::Journal journal(argv[2], false);
  return kvcache::testing::Work(argv[1], journal, std::stoull(argv[3]), std::stoull(argv[4]));
}
