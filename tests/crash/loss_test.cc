// The machine is lost at random moments under load, with it what was not synced: writes that asked
// for sync are there afterwards, batches are there as a whole or not at all, and of writes that did
// not ask the last ones may be gone, but none that came before one that is there.
//
// Usage: loss_test [--losses N] [--seed S]
// Half of the losses come after a random number of acknowledged writes, the others after a random
// number of changes of files, be it while the database is being opened again.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arguments.h"
#include "kvcache/cache.h"
#include "lossy_file_system.h"
#include "recovered.h"
#include "small_files.h"
#include "support/random_trace.h"
#include "support/temp_folder.h"
#include "support/test_env.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kCallsEach = 400;

// Puts keys that nobody wrote before and deletes some that are there, so that each part of it can
// be seen afterwards.
struct Call {
  std::uint64_t begin = 0;
  std::uint64_t end = kNever;
  bool sync = false;
  std::vector<std::string> puts = {};
  std::vector<std::string> deletes = {};
};

std::string ContentOf(const std::string& key) {
  return key + std::string(std::hash<std::string>()(key) % 400, '.');
}

// What is lost and what is not, of the calls up to a loss.
class Judge {
 public:
  explicit Judge(const Pairs& after) : after_(after) {}

  void Check(const std::vector<Call>& calls) {
    for (const Call& call : calls) {
      const bool there = IsThere(call);
      ++(there ? there_ : lost_);
      Require(there || !call.sync || call.end == kNever, Name(call) + " was synced and is lost");
      if (there) latest_there_ = std::max(latest_there_, call.begin);
      if (!there) earliest_lost_ = std::min(earliest_lost_, call.end);
    }
    Require(earliest_lost_ >= latest_there_, "a write is lost that came before one that is there");
  }

  std::uint64_t there() const { return there_; }
  std::uint64_t lost() const { return lost_; }

 private:
  static std::string Name(const Call& call) {
    return call.puts.empty() ? "the deletion of " + call.deletes[0] : call.puts[0];
  }

  bool IsThere(const Call& call) const {
    std::size_t done = 0;
    for (const std::string& key : call.puts) {
      const auto found = after_.find(key);
      if (found == after_.end()) continue;
      Require(found->second == ContentOf(key), key + " has another value");
      ++done;
    }
    for (const std::string& key : call.deletes) done += after_.contains(key) ? 0 : 1;
    Require(done == 0 || done == call.puts.size() + call.deletes.size(),
            Name(call) + " is there in part");
    return done > 0;
  }

  const Pairs& after_;
  std::uint64_t there_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t latest_there_ = 0;
  std::uint64_t earliest_lost_ = kNever;
};

// One thread's calls in one life of the machine.
class Caller {
 public:
  // `old_batches`: names of batches whose keys are there, which only this caller deletes.
  Caller(Cache& cache, std::atomic<std::uint64_t>& clock, std::string name,
         std::vector<std::string> old_batches, std::uint64_t seed)
      : cache_(cache),
        clock_(clock),
        name_(std::move(name)),
        old_batches_(std::move(old_batches)),
        random_(seed) {}

  // Until a call fails. `acknowledged` is told of each that does not.
  template <class Acknowledged>
  void Run(Acknowledged&& acknowledged) {
    for (std::size_t i = 0; i < kCallsEach; ++i) {
      Call call = NextCall(fmt::format("{}.{}", name_, i));
      call.begin = ++clock_;
      const Result<void> done = Perform(call);
      if (done) call.end = ++clock_;
      calls_.push_back(std::move(call));
      if (!done) return;
      acknowledged();
    }
  }

  const std::vector<Call>& calls() const { return calls_; }

 private:
  Call NextCall(const std::string& name) {
    Call call{.sync = Below(random_, 12) == 0};
    const std::uint32_t kind = Below(random_, 4);
    if (kind > 0) call.puts = KeysOf(name);
    if (kind == 1) call.puts.resize(1);
    if (kind % 2 == 0 && !old_batches_.empty()) {
      call.deletes = KeysOf(old_batches_.back());
      old_batches_.pop_back();
    }
    if (call.puts.empty() && call.deletes.empty()) call.puts = KeysOf(name);
    return call;
  }

  static std::vector<std::string> KeysOf(const std::string& batch) {
    return {batch + ".a", batch + ".b", batch + ".c"};
  }

  Result<void> Perform(const Call& call) {
    const WriteOptions options{.sync = call.sync};
    if (call.puts.empty()) {
      return cache_.DeleteRange(call.deletes[0], call.deletes.back() + '\0', options);
    }
    if (call.puts.size() == 1 && call.deletes.empty()) {
      return cache_.Put(call.puts[0], ContentOf(call.puts[0]), options);
    }
    Batch batch;
    for (const std::string& key : call.puts) batch.Put(key, ContentOf(key));
    for (const std::string& key : call.deletes) batch.Delete(key);
    return cache_.Write(batch, options);
  }

  Cache& cache_;
  std::atomic<std::uint64_t>& clock_;
  const std::string name_;
  std::vector<std::string> old_batches_;
  Random random_;
  std::vector<Call> calls_;
};

class Loser {
 public:
  explicit Loser(std::uint64_t seed) : random_(seed) { rocksdb_options_.env = &env_; }

  // Opens, looks at what the last loss has left, writes, and loses the machine.
  void Round(std::uint64_t round) {
    const bool by_changes = Below(random_, 2) == 0;
    const std::uint64_t moment = 1 + Below(random_, kThreads * kCallsEach);
    if (by_changes) files_->StopAfter(moment);
    auto cache = Open();
    if (cache) {
      const Pairs found = Look(**cache);
      Write(**cache, round, OldBatches(found), by_changes ? kNever : moment);
    } else {
      Require(by_changes, "cannot open it again: " + cache.error().message);
    }
    files_->Stop();
    if (cache) cache->reset();
    const std::uint64_t changes = files_->changes();
    const std::uint64_t kept[] = {0, changes, Below(random_, changes + 1)};
    files_->LoseAfter(kept[Below(random_, 3)]);
  }

  void Finish() {
    auto cache = Open();
    Require(cache.has_value(), "cannot open it again: " + (cache ? "" : cache.error().message));
    Look(**cache);
  }

  std::string Report() const {
    return fmt::format("{} writes, of which {} are there and {} lost, none that was synced",
                       there_ + lost_, there_, lost_);
  }

 private:
  Result<std::unique_ptr<Cache>> Open() {
    Options options;
    options.path = folder_ / "db";
    options.rocksdb.rocksdb_options = &rocksdb_options_;
    return Cache::Open(options);
  }

  Pairs Look(Cache& cache) {
    Pairs found = ScanAll(cache);
    for (const auto& [key, value] : found) Require(value == ContentOf(key), key + ": value");
    for (const Call& call : calls_) {
      for (const std::string& key : call.puts) RequireSame(cache, key, found);
    }
    Judge judge(found);
    judge.Check(calls_);
    there_ += judge.there();
    lost_ += judge.lost();
    calls_.clear();
    return found;
  }

  // Batches of which all keys are there, shared out.
  static std::vector<std::vector<std::string>> OldBatches(const Pairs& found) {
    std::vector<std::vector<std::string>> batches(kThreads);
    std::size_t next = 0;
    for (const auto& [key, value] : found) {
      if (!key.ends_with(".c")) continue;
      batches[next++ % kThreads].push_back(key.substr(0, key.size() - 2));
    }
    return batches;
  }

  void Write(Cache& cache, std::uint64_t round,
             const std::vector<std::vector<std::string>>& old_batches, std::uint64_t stop_at) {
    std::atomic<std::uint64_t> clock{0};
    std::atomic<std::uint64_t> acknowledged{0};
    std::vector<Caller> callers;
    callers.reserve(kThreads);
    for (std::size_t i = 0; i < kThreads; ++i) {
      callers.emplace_back(cache, clock, fmt::format("{}.{}", round, i), old_batches[i], random_());
    }
    std::vector<std::jthread> threads;
    for (Caller& caller : callers) {
      threads.emplace_back([&] {
        caller.Run([&] {
          if (++acknowledged == stop_at) files_->Stop();
        });
      });
    }
    threads.clear();
    for (const Caller& caller : callers) {
      calls_.insert(calls_.end(), caller.calls().begin(), caller.calls().end());
    }
  }

  Random random_;
  const TempFolder folder_;
  const std::shared_ptr<LossyFileSystem> files_ = std::make_shared<LossyFileSystem>();
  TestEnv env_{files_};
  rocksdb::Options rocksdb_options_ = SmallFiles();
  std::vector<Call> calls_;  // since the database was last looked at
  std::uint64_t there_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace
}  // namespace kvcache::testing

int main(int argc, char** argv) {
  std::map<std::string, std::uint64_t> numbers = {{"--losses", 20}, {"--seed", 1}};
  kvcache::testing::ParseArguments(argc, argv, "[--losses N] [--seed S]", 0, numbers);
  kvcache::testing::Loser loser(numbers["--seed"]);
  std::uint64_t round = 0;
  try {
    for (; round < numbers["--losses"]; ++round) loser.Round(round);
    loser.Finish();
  } catch (const std::exception& error) {
    std::printf("loss %lu of --seed %lu: %s\n", round, numbers["--seed"], error.what());
    return 1;
  }
  std::printf("%lu losses, --seed %lu: %s\n", round, numbers["--seed"], loser.Report().c_str());
  return 0;
}
