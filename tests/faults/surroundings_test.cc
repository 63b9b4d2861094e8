// A cache among callers, plug-ins and processes that do not treat it well.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "kvcache/policy.h"
#include "support/proc.h"
#include "support/sample_policies.h"
#include "support/scene.h"
#include "support/temp_folder.h"
#include "support/text.h"
#include "support/watchdog.h"

namespace kvcache::testing {
namespace {

std::string Key(std::size_t i) { return "key" + std::to_string(i); }
std::string Content(std::size_t i) { return Key(i) + std::string(i * 7 % 900, 'v'); }

TEST_CASE("values are used and given up by threads while their cache goes, and after it") {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kValues = 200;
  for (int round = 0; round < 5; ++round) {
    auto cache = Cache::Open(Capacity(1 << 20, 2), MakeMemoryStore());
    REQUIRE(cache);
    std::vector<std::vector<Value>> held(kThreads);
    for (std::size_t i = 0; i < kValues; ++i) {
      REQUIRE((*cache)->Put(Key(i), Content(i)));
      for (auto& values : held) values.push_back(**(*cache)->Get(Key(i)));
    }
    std::atomic<bool> start{false};
    std::atomic<std::size_t> wrong{0};
    std::vector<std::jthread> threads;
    for (auto& values : held) {
      threads.emplace_back([&] {
        start.wait(false);
        for (std::size_t i = kValues; i-- > 0;) {
          const Value copy = values[i];
          if (copy.view() != Content(i)) ++wrong;
          values.pop_back();
        }
      });
    }
    start = true;
    start.notify_all();
    cache->reset();
    threads.clear();
    CHECK(wrong == 0);
  }
}

// FIFO that throws in one of its calls.
struct Trap {
  std::atomic<int> admissions_left{-1};
  std::atomic<int> insertions_left{-1};
  std::atomic<bool> bad_alloc{false};

  void Spring(std::atomic<int>& left) const {
    if (left < 0 || left-- > 0) return;
    if (bad_alloc) throw std::bad_alloc();
    throw std::runtime_error("thrown by the policy");
  }
};
Trap trap;

class TrappedPolicy final : public FifoPolicy {
 public:
  void Admit(PolicyNode&, std::uint64_t, std::uint32_t) override {
    trap.Spring(trap.admissions_left);
  }
  void Insert(PolicyNode& node) override {
    trap.Spring(trap.insertions_left);
    FifoPolicy::Insert(node);
  }
};

void PlayWithTrap(std::atomic<int>& left, bool bad_alloc) {
  auto memory = MakeMemoryStore();
  Store& behind = *memory;
  for (std::size_t i = 0; i < 100; ++i) REQUIRE(PutStore(behind, Key(i), Content(i)));
  Options options = Capacity(1 << 20, 2);
  options.policy = "trapped";
  options.audit_one_in = 2;
  auto cache = Cache::Open(options, std::move(memory));
  REQUIRE(cache);
  trap.bad_alloc = bad_alloc;
  for (int nth = 0; nth < 20; ++nth) {
    (*cache)->InvalidateAll();
    left = nth;
    for (std::size_t i = 0; i < 20; ++i) CHECK(Text((*cache)->Get(Key(i))) == Content(i));
    left = nth;
    Batch batch;
    for (std::size_t i = 20; i < 40; ++i) batch.Put(Key(i), Content(i + 1));
    CHECK(Text((*cache)->Write(batch)) == "ok");
    left = nth;
    CHECK(Text((*cache)->SetPolicy("lru")) == "ok");
    CHECK(Text((*cache)->SetPolicy("trapped")) == "ok");
    left = -1;
    for (std::size_t i = 0; i < 100; ++i) {
      for (int twice = 0; twice < 2; ++twice) {
        CHECK(Text((*cache)->Get(Key(i))) == ReadStore(behind, Key(i)));
      }
    }
  }
  const ShardStats stats = (*cache)->GetStats().total;
  CHECK(stats.audits > 0);
  CHECK(stats.disagreements == 0);
}

TEST_CASE("a plugged-in policy that throws in Admit or Insert: not cached, and nothing else") {
  const Watchdog watchdog("a policy that throws");
  REQUIRE(RegisterPolicy({.name = "trapped",
                          .help = "for tests",
                          .parameters = {},
                          .make = [](const PolicyContext&, const std::vector<double>&) {
                            return std::make_unique<TrappedPolicy>();
                          }}));
  for (const bool bad_alloc : {false, true}) {
    PlayWithTrap(trap.admissions_left, bad_alloc);
    PlayWithTrap(trap.insertions_left, bad_alloc);
  }
}

std::unique_ptr<Cache> OpenAt(const std::string& path) {
  Options options;
  options.path = path;
  auto cache = Cache::Open(options);
  REQUIRE_MESSAGE(cache, Text(cache.error()));
  return *std::move(cache);
}

// Whether a child process that does this, forked while threads are at work, ends well.
template <class F>
bool ChildEndsWell(F&& child) {
  const int status = testing::StatusOfChild(child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("children that only exit or run another program change nothing for their parent") {
  const Watchdog watchdog("a cache whose process forks");
  const TempFolder folder;
  const auto cache = OpenAt(folder / "db");
  REQUIRE(cache->StartRecording({.path = folder / "trace.txt", .sample = 1}));
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> wrong{0};
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = thread; !stop; i += 2) {
        const std::string key = Key(i % 500);
        if (!cache->Put(key, Content(i))) ++wrong;
        if (Text(cache->Get(key)) != Content(i)) ++wrong;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    CHECK(ChildEndsWell([] { _exit(0); }));
    // The database and the recording are closed in it.
    CHECK(ChildEndsWell([&] {
      const std::string look = "! ls -l /proc/self/fd | grep -q " + folder.path().string();
      execl("/bin/sh", "sh", "-c", look.c_str(), nullptr);
    }));
  }
  stop = true;
  threads.clear();
  CHECK(wrong == 0);
  CHECK(cache->StopRecording());
  CHECK(Text(cache->Put("after", "all")) == "ok");
}

TEST_CASE("files have the rights that the umask leaves and no more") {
  const TempFolder folder;
  for (const mode_t mask : {mode_t{0077}, mode_t{0027}}) {
    const mode_t before = umask(mask);
    const std::string name = "db" + std::to_string(mask);
    {
      const auto cache = OpenAt(folder / name);
      REQUIRE(cache->StartRecording({.path = folder / (name + ".trace"), .sample = 1}));
      CHECK(Text(cache->Put("k", "v")) == "ok");
      CHECK(cache->StopRecording());
    }
    OpenAt(folder / name);
    umask(before);
    std::size_t files = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path())) {
      if (!file.path().string().starts_with(folder / name)) continue;
      struct stat status;
      REQUIRE(stat(file.path().c_str(), &status) == 0);
      CHECK_MESSAGE((status.st_mode & (mask | 06000)) == 0, file.path().string());
      ++files;
    }
    CHECK(files > 5);
  }
}

TEST_CASE("a recording does not replace what a symbolic link points to") {
  const TempFolder folder;
  std::ofstream(folder / "precious") << "precious";
  std::filesystem::create_symlink("precious", folder / "link");
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  const auto cache = Cache::Open({}, MakeMemoryStore());
  for (const bool replace : {false, true}) {
    const auto started =
        (*cache)->StartRecording({.path = folder / "link", .sample = 1, .replace = replace});
    REQUIRE_FALSE(started);
    CHECK(started.error().code == ErrorCode::kInvalidArgument);
    if (replace)
      CHECK(Text(started).ends_with("is a symbolic link; name the file that it points to"));
    CHECK_FALSE(
        (*cache)->StartRecording({.path = folder / "dangling", .sample = 1, .replace = replace}));
  }
  CHECK(std::filesystem::file_size(folder / "precious") == 8);
  CHECK_FALSE(std::filesystem::exists(folder / "nowhere"));
}

#ifndef NDEBUG

// Does in a read what a test wants.
struct ReadHook final : Store {
  std::function<void()> hook;

  Result<bool> Get(std::string_view, const Receiver&) override {
    hook();
    return false;
  }
  Result<void> Write(const Batch&, const WriteOptions&) override { return {}; }
  Result<void> Scan(const ScanOptions&, const ScanVisitor&) override { return {}; }
};

// Whether a process that does this with a cache over such a store ends by the assertion about what
// is in flight, and no other.
bool Asserts(const std::function<void(std::unique_ptr<Cache>& cache, ReadHook& store)>& use) {
  const TempFolder folder;
  const int status = StatusOfChild([&] {
    std::signal(SIGABRT, SIG_DFL);  // without the test's report
    if (std::freopen((folder / "said").c_str(), "w", stderr) == nullptr) return;
    auto store = std::make_unique<ReadHook>();
    ReadHook& behind = *store;
    auto cache = Cache::Open({}, std::move(store));
    use(*cache, behind);
  });
  std::ifstream said(folder / "said");
  const std::string text((std::istreambuf_iterator<char>(said)), {});
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
         text.find("~InFlight") != std::string::npos;
}

TEST_CASE("with assertions on, destroying a cache fails while a read or a write is under way") {
  using Pointer = std::unique_ptr<Cache>;
  CHECK_FALSE(Asserts([](Pointer& cache, ReadHook&) { cache.reset(); }));
  CHECK(Asserts([](Pointer& cache, ReadHook& store) {
    store.hook = [&] { cache.reset(); };
    (void)cache->Get("k");
  }));
  CHECK(Asserts([](Pointer& cache, ReadHook&) {
    const std::string_view keys[] = {"k"};
    (void)cache->WriteWith(keys, [&]() -> Result<void> { return cache.reset(), Result<void>(); });
  }));
  CHECK(Asserts([](Pointer& cache, ReadHook&) {
    (void)cache->WriteWith(KeyRange(),
                           [&]() -> Result<void> { return cache.reset(), Result<void>(); });
  }));
}

#endif

TEST_CASE("what cannot be called any more says so") {
  const auto cache = Cache::Open({}, MakeMemoryStore());
  CHECK(Text((*cache)->Put("k", "v")) == "ok");
  CHECK((*cache)->StopRecording().error().message == "nothing is being recorded");
  Value value = **(*cache)->Get("k");
  const Value moved = std::move(value);
  value = moved;  // NOLINT(bugprone-use-after-move): that is what a moved-from one is for
  CHECK(value.view() == "v");
}

}  // namespace
}  // namespace kvcache::testing
