// kill -9 at random moments under load: what was acknowledged is there afterwards, no batch is
// half there, scans and lookups agree, and RocksDB's ldb finds the files consistent.
//
// Usage: kill_test [--kills N] [--seed S] KILL_WORKER
// Each kill is of a process that went on over the database that the one before had left. It comes
// when a random number of writes have been acknowledged, for one in eight before the first one,
// while the database is being opened.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "journal.h"
#include "kvcache/cache.h"
#include "recovered.h"
#include "small_files.h"
#include "support/random_trace.h"
#include "support/temp_folder.h"

namespace kvcache::testing {
namespace {

constexpr std::uint32_t kMostAcknowledged = 1500;

// Another program, whose standard output is read here.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command) {
    int ends[2];
    Require(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int error =
        posix_spawnp(&id_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = ends[0];
    Require(error == 0, "cannot start " + command[0]);
  }
  ~Process() { close(output_); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Up to so many bytes of its output; fewer when it ends before.
  std::string Read(std::size_t count) const {
    std::string text(count, '\0');
    std::size_t size = 0;
    while (size < count) {
      const ssize_t got = read(output_, text.data() + size, count - size);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
  }
  void Kill() const { kill(id_, SIGKILL); }
  // How it ended, as waitpid says.
  int Wait() const {
    int status = 0;
    while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

 private:
  pid_t id_ = 0;
  int output_ = -1;
};

class Killer {
 public:
  Killer(std::string worker, std::uint64_t seed)
      : worker_(std::move(worker)), seed_(seed), random_(seed) {}

  void Round(std::uint64_t round) {
    const std::size_t wanted = Below(random_, 8) == 0 ? 0 : 1 + Below(random_, kMostAcknowledged);
    const Journal journal(folder_ / "journal", true);
    RunWorker(round, wanted);
    CheckFiles();

    const std::vector<Write> writes = journal.Writes(round);
    const Pairs after = Recover();
    Require(FindProblems(before_, writes, after));
    for (const Write& write : writes) ++(write.acknowledged() ? acknowledged_ : cut_off_);
    Require(acknowledged_ >= wanted, "fewer acknowledged than were seen");
    before_ = after;
  }

  std::string Report() const {
    return fmt::format(
        "{} writes acknowledged, all there; {} cut off, each there as a whole or not at all; {}",
        acknowledged_, cut_off_,
        has_ldb_ ? "ldb checkconsistency each time" : "skipped: ldb checkconsistency, no ldb here");
  }

 private:
  void RunWorker(std::uint64_t round, std::size_t wanted) {
    const Process worker({worker_, folder_ / "db", folder_ / "journal", std::to_string(round),
                          std::to_string(seed_)});
    const std::string seen = worker.Read(1 + wanted);
    worker.Kill();
    const int status = worker.Wait();
    Require(seen.size() == 1 + wanted && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
            fmt::format("the worker ended by itself, status {:#x}", status));
  }

  void CheckFiles() {
    const std::string database = folder_ / "db";
    if (!has_ldb_ || access((database + "/CURRENT").c_str(), F_OK) != 0) return;
    const Process ldb({"ldb", "--db=" + database, "checkconsistency"});
    const std::string said = ldb.Read(10'000);
    const int status = ldb.Wait();
    Require(WIFEXITED(status) && WEXITSTATUS(status) == 0 && said == "OK\n",
            fmt::format("ldb checkconsistency: status {:#x}: {}", status, said));
  }

  Pairs Recover() {
    const rocksdb::Options rocksdb_options = SmallFiles();
    Options options;
    options.path = folder_ / "db";
    options.rocksdb.rocksdb_options = &rocksdb_options;
    const auto cache = Cache::Open(options);
    Require(cache.has_value(), "cannot open it again: " + (cache ? "" : cache.error().message));
    Pairs pairs = ScanAll(**cache);
    for (std::size_t key = 0; key < kKeys; ++key) RequireSame(**cache, KeyName(key), pairs);
    return pairs;
  }

  const std::string worker_;
  const std::uint64_t seed_;
  Random random_;
  const TempFolder folder_;
  const bool has_ldb_ = std::system("command -v ldb >/dev/null") == 0;
  Pairs before_;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t cut_off_ = 0;
};

}  // namespace
}  // namespace kvcache::testing

int main(int argc, char** argv) {
  std::map<std::string, std::uint64_t> numbers = {{"--kills", 50}, {"--seed", 1}};
  const auto words = kvcache::testing::ParseArguments(
      argc, argv, "[--kills N] [--seed S] KILL_WORKER", 1, numbers);
  kvcache::testing::Killer killer(words[0], numbers["--seed"]);
  std::uint64_t round = 0;
  try {
    for (; round < numbers["--kills"]; ++round) killer.Round(round);
  } catch (const std::exception& error) {
    std::printf("kill %lu of --seed %lu: %s\n", round + 1, numbers["--seed"], error.what());
    return 1;
  }
  std::printf("%lu kills, --seed %lu: %s\n", round, numbers["--seed"], killer.Report().c_str());
  return 0;
}
