// Recordings: what was looked up is in the trace, in order, whatever else happens.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "simulate/trace_reader.h"
#include "support/failing_store.h"
#include "support/random_trace.h"
#include "support/temp_folder.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

using Lines = std::vector<std::string>;

std::unique_ptr<Cache> OpenCache(std::unique_ptr<Store> store = MakeMemoryStore()) {
  auto cache = Cache::Open({.capacity = 1 << 20}, std::move(store));
  REQUIRE_MESSAGE(cache, Text(cache.error()));
  return *std::move(cache);
}

// The file's requests, "key,size" each, as kvtool reads them.
Lines Requests(const std::string& path) {
  auto reader = TraceReader::Open(path, {.format = "text"});
  REQUIRE_MESSAGE(reader, Text(reader.error()));
  Lines lines;
  TraceRequest request;
  while (true) {
    const auto more = (*reader)->Next(request);
    REQUIRE_MESSAGE(more, Text(more.error()));
    if (!*more) return lines;
    CHECK(request.has_size);
    lines.push_back(std::string(request.key) + "," + std::to_string(request.size));
  }
}

std::string Stopped(Cache& cache) {
  const auto stopped = cache.StopRecording();
  return stopped ? std::to_string(stopped->requests) + " requests" : Text(stopped.error());
}

TEST_CASE("every lookup is recorded once, with its value's size, in order") {
  const TempFolder folder;
  for (const std::string_view name : {"t.txt", "t.gz", "t.zst"}) {
    CAPTURE(name);
    auto cache = OpenCache();
    CHECK(Text(cache->Put("a", "123")) == "ok");
    CHECK(Text(cache->Put("empty", "")) == "ok");
    CHECK(Text(cache->Get("a")) == "123");  // before
    CHECK(Text(cache->StartRecording({.path = folder / name, .sample = 1})) == "ok");
    CHECK(Look(*cache, "a") == "123, hit");
    CHECK(Look(*cache, "x") == kAbsent);
    cache->InvalidateAll();
    CHECK(Look(*cache, "a") == "123, read");
    std::string value;
    CHECK(Text(cache->Get("empty", value)) == "yes");
    CHECK(Text(cache->Get("x", value)) == "no");
    CHECK(LookAtAll(*cache, {"a", "x", "empty", "a"}) == "123, hit; (absent); , hit; 123, hit");
    const auto compute = [] { return Result<std::string>("computed"); };
    CHECK(Text(cache->GetOrCompute("new", compute)) == "computed");
    CHECK(Text(cache->GetOrCompute("new", compute)) == "computed");
    // No lookups.
    CHECK(Text(cache->Contains("a")) == "yes");
    CHECK(Text(cache->Put("a", "4")) == "ok");
    CHECK(Text(cache->Scan({}, [](auto, auto) { return true; })) == "ok");
    CHECK(cache->GetStats().recording.requests == 11);
    CHECK(Stopped(*cache) == "11 requests");
    CHECK(Look(*cache, "a") == "4, hit");  // after
    CHECK(Requests(folder / name) == Lines{"a,3", "x,1", "a,3", "empty,1", "x,1", "a,3", "x,1",
                                           "empty,1", "a,3", "new,8", "new,8"});
    const RecordingStats stats = cache->GetStats().recording;
    CHECK(stats.requests == 11);
    CHECK(stats.bytes == std::filesystem::file_size(folder / name));
    CHECK_FALSE(stats.active);
  }
}

TEST_CASE("a key may lie in the string that its value goes into") {
  const TempFolder folder;
  auto cache = OpenCache();
  CHECK(Text(cache->Put("a long key, longer than a short string", "v")) == "ok");
  CHECK(Text(cache->StartRecording({.path = folder / "t", .sample = 1})) == "ok");
  for (int i = 0; i < 2; ++i) {
    std::string text = "a long key, longer than a short string";
    CHECK(Text(cache->Get(text, text)) == "yes");
    CHECK(text == "v");
  }
  CHECK(Stopped(*cache) == "2 requests");
  const Lines lines = Requests(folder / "t");
  CHECK(lines.at(0) == lines.at(1));
  CHECK(lines.at(0).starts_with("0x61206C6F6E67206B65792C"));
}

TEST_CASE("keys that a line cannot hold are hex") {
  const TempFolder folder;
  auto cache = OpenCache();
  CHECK(Text(cache->StartRecording({.path = folder / "t", .sample = 1})) == "ok");
  const std::string longest(1024, 'k');
  const std::vector<std::pair<std::string, std::string>> keys = {
      {"", "0x"},
      {"plain key: caf\xC3\xA9", "plain key: caf\xC3\xA9"},
      {"a,b", "0x612C62"},
      {"a\nb", "0x610A62"},
      {"a\r", "0x610D"},
      {std::string("\0\0\0\x2A", 4), "0x0000002A"},
      {"\x28\xB5\x2F\xFD", "0x28B52FFD"},
      {"0x0000002A", "0x30783030303030303241"},
      {longest, longest},
  };
  Lines expected;
  for (const auto& [key, written] : keys) {
    CHECK(Look(*cache, key) == kAbsent);
    expected.push_back(written + ",1");
  }
  for (const char last : {'k', '\n', 'k'}) CHECK(Look(*cache, longest + last) == kAbsent);
  Stopped(*cache);
  Lines lines = Requests(folder / "t");
  REQUIRE(lines.size() == keys.size() + 3);
  const Lines hashes(lines.end() - 3, lines.end());
  lines.resize(keys.size());
  CHECK(lines == expected);
  for (const std::string& hash : hashes) CHECK(hash.size() == 2 + 16 + 2);
  CHECK(hashes[0] == hashes[2]);
  CHECK(hashes[0] != hashes[1]);
}

TEST_CASE("a key's requests are sampled all or none, and about as many keys as asked for") {
  const TempFolder folder;
  auto cache = OpenCache();
  constexpr int kKeys = 4000;
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) keys.push_back("key" + std::to_string(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  CHECK(Text(cache->StartRecording({.path = folder / "t", .sample = 0.25})) == "ok");
  std::string value;
  for (const std::string& key : keys) (void)cache->Get(key, value);
  for (const std::string& key : keys) (void)cache->Get(key);
  (void)cache->MultiGet(views);
  Stopped(*cache);
  const Lines lines = Requests(folder / "t");
  REQUIRE(lines.size() % 3 == 0);
  const std::size_t sampled = lines.size() / 3;
  const std::span all(lines);
  CHECK(std::ranges::equal(all.first(sampled), all.subspan(sampled, sampled)));
  CHECK(std::ranges::equal(all.first(sampled), all.last(sampled)));
  // 27 is a standard deviation; the sample is another one each time.
  CHECK(sampled > kKeys / 4 - 8 * 27);
  CHECK(sampled < kKeys / 4 + 8 * 27);
}

TEST_CASE("many threads: nothing is lost or doubled, and each thread's order is kept") {
  const TempFolder folder;
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kCalls = 20'000;
  auto cache = OpenCache();
  CHECK(Text(cache->StartRecording({.path = folder / "t.zst", .sample = 1, .wait = true})) == "ok");
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::string value;
        for (std::size_t i = 0; i < kCalls; ++i) {
          (void)cache->Get(std::to_string(thread) + ":" + std::to_string(i), value);
        }
      });
    }
  }
  CHECK(Stopped(*cache) == std::to_string(kThreads * kCalls) + " requests");
  std::array<std::size_t, kThreads> next = {};
  std::size_t wrong = 0;
  for (const std::string& line : Requests(folder / "t.zst")) {
    std::size_t& its_next = next.at(static_cast<std::size_t>(line.at(0) - '0'));
    wrong += line.substr(2) != std::to_string(its_next++) + ",1";
  }
  CHECK(wrong == 0);
  for (const std::size_t count : next) CHECK(count == kCalls);
}

// While others look up, recordings of different samples start and stop, and the statistics are
// read: each trace has keys of its own sample alone, and as many lines as it says.
TEST_CASE("recordings may begin and end while lookups go on") {
  const TempFolder folder;
  auto cache = OpenCache();
  std::atomic<bool> done{false};
  std::vector<std::jthread> threads;
  for (std::uint64_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(Seed() + thread);
      std::string value;
      while (!done) {
        const std::string key = std::to_string(Below(random, 500));
        (void)cache->Get(key, value);
        (void)cache->MultiGet(std::vector<std::string_view>{key, "x", "y"});
      }
    });
  }
  Lines sampled;  // by the smaller sample
  for (int i = 0; i < 30; ++i) {
    CAPTURE(i);
    const RecordOptions options{
        .path = folder / "t", .sample = i % 2 == 0 ? 0.1 : 0.5, .replace = true, .wait = true};
    REQUIRE(Text(cache->StartRecording(options)) == "ok");
    while (cache->GetStats().recording.requests < 200) std::this_thread::yield();
    const auto stopped = cache->StopRecording();
    REQUIRE(stopped);
    Lines lines = Requests(options.path);
    CHECK(lines.size() == stopped->requests);
    std::ranges::sort(lines);
    const auto repeated = std::ranges::unique(lines);
    lines.erase(repeated.begin(), repeated.end());
    if (i % 2 == 0) sampled.insert(sampled.end(), lines.begin(), lines.end());
  }
  done = true;
  threads.clear();
  std::ranges::sort(sampled);
  const auto repeated = std::ranges::unique(sampled);
  sampled.erase(repeated.begin(), repeated.end());
  CHECK(sampled.size() < 500 / 4);
}

TEST_CASE("a full disk ends the recording, and lookups go on") {
  if (access("/dev/full", W_OK) != 0) return Skip("no /dev/full here");
  auto cache = OpenCache();
  const std::string key(1000, 'k');
  for (const bool wait : {false, true}) {
    CHECK(Text(cache->StartRecording({.path = "/dev/full", .sample = 1, .wait = wait})) == "ok");
    CHECK(cache->GetStats().recording.active);
    while (cache->GetStats().recording.active) CHECK(Look(*cache, key) == kAbsent);
    const RecordingStats stats = cache->GetStats().recording;
    CHECK(stats.error == "cannot write /dev/full: No space left on device");
    CHECK(stats.bytes == 0);
    CHECK(cache->GetStats().ToText().find("\nrecording      failed: ") != std::string::npos);
    CHECK(Look(*cache, key) == kAbsent);
    CHECK(Stopped(*cache) == "error: cannot write /dev/full: No space left on device");
    CHECK(Stopped(*cache) == "error: nothing is being recorded");
  }
  // What is written last fails too.
  CHECK(Text(cache->StartRecording({.path = "/dev/full", .sample = 1})) == "ok");
  CHECK(Look(*cache, key) == kAbsent);
  CHECK(Stopped(*cache) == "error: cannot write /dev/full: No space left on device");
}

// A pipe that nobody reads from is a disk that is too slow.
struct Pipe {
  explicit Pipe(const TempFolder& folder) : path(folder / "pipe") {
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(reader >= 0);
  }
  ~Pipe() { Close(); }
  void Close() {
    if (reader >= 0) close(std::exchange(reader, -1));
  }

  std::string path;
  int reader;
};

TEST_CASE("a disk that is too slow ends the recording, within bounded memory") {
  const TempFolder folder;
  Pipe pipe(folder);
  auto cache = OpenCache();
  CHECK(Text(cache->StartRecording({.path = pipe.path, .sample = 1})) == "ok");
  const std::string key(1000, 'k');
  while (cache->GetStats().recording.active) CHECK(Look(*cache, key) == kAbsent);
  const RecordingStats stats = cache->GetStats().recording;
  CHECK(stats.error == pipe.path + " takes less than is looked up: record a smaller sample");
  CHECK(stats.requests * key.size() < std::size_t{9} << 20);
  pipe.Close();  // SIGPIPE would end this process
  CHECK(Stopped(*cache) == "error: " + stats.error);
}

TEST_CASE("or, if asked to, lookups wait for it") {
  const TempFolder folder;
  Pipe pipe(folder);
  auto cache = OpenCache();
  CHECK(Text(cache->StartRecording({.path = pipe.path, .sample = 1, .wait = true})) == "ok");
  const std::string key(1000, 'k');
  constexpr std::size_t kRequests = 12'000;
  std::jthread looker([&] {
    for (std::size_t i = 0; i < kRequests; ++i) (void)cache->Get(key);
  });
  // More than the buffers hold: it goes on only as the pipe is read.
  std::size_t bytes = 0;
  std::array<char, 65'536> buffer;
  REQUIRE(fcntl(pipe.reader, F_SETFL, 0) == 0);
  std::jthread stopper;
  while (true) {
    const ssize_t got = read(pipe.reader, buffer.data(), buffer.size());
    if (got <= 0) break;
    bytes += static_cast<std::size_t>(got);
    if (!stopper.joinable() && cache->GetStats().recording.requests == kRequests) {
      stopper = std::jthread([&] {
        looker.join();
        CHECK(Stopped(*cache) == std::to_string(kRequests) + " requests");
      });
    }
  }
  CHECK(bytes == kRequests * (key.size() + 3));
}

TEST_CASE("calls that are wrong") {
  const TempFolder folder;
  auto cache = OpenCache();
  CHECK(Stopped(*cache) == "error: nothing is being recorded");
  CHECK_FALSE(cache->StartRecording({}));
  for (const double sample : {0.0, -1.0, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    const auto started = cache->StartRecording({.path = folder / "t", .sample = sample});
    CHECK(Text(started).find("above 0 and up to 1") != std::string::npos);
  }
  const auto nowhere = cache->StartRecording({.path = folder / "none/t"});
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code == ErrorCode::kIoError);
  CHECK_FALSE(std::filesystem::exists(folder / "t"));

  CHECK(Text(cache->StartRecording({.path = folder / "t", .sample = 1})) == "ok");
  const auto twice = cache->StartRecording({.path = folder / "u"});
  CHECK(Text(twice) == "error: already recording into " + (folder / "t") + ": stop that first");
  CHECK_FALSE(std::filesystem::exists(folder / "u"));
  CHECK(Look(*cache, "a") == kAbsent);
  CHECK(Stopped(*cache) == "1 requests");
  CHECK(Stopped(*cache) == "error: nothing is being recorded");

  const auto exists = cache->StartRecording({.path = folder / "t"});
  REQUIRE_FALSE(exists);
  CHECK(exists.error().code == ErrorCode::kInvalidArgument);
  CHECK(Requests(folder / "t") == Lines{"a,1"});
  CHECK(Text(cache->StartRecording({.path = folder / "t", .sample = 1, .replace = true})) == "ok");
  CHECK(Stopped(*cache) == "0 requests");
  CHECK(Requests(folder / "t").empty());
}

TEST_CASE("closing the cache completes the file") {
  const TempFolder folder;
  auto cache = OpenCache();
  CHECK(Text(cache->StartRecording({.path = folder / "t.gz", .sample = 1})) == "ok");
  for (int i = 0; i < 1000; ++i) (void)cache->Get(std::to_string(i));
  cache.reset();
  const Lines lines = Requests(folder / "t.gz");
  REQUIRE(lines.size() == 1000);
  CHECK(lines.back() == "999,1");
}

TEST_CASE("a lookup that the store failed is not recorded") {
  const TempFolder folder;
  auto store = std::make_unique<FailingStore>(MakeMemoryStore());
  FailingStore& failing = *store;
  auto cache = OpenCache(std::move(store));
  CHECK(Text(cache->StartRecording({.path = folder / "t", .sample = 1})) == "ok");
  failing.FailNextRead();
  CHECK(Look(*cache, "a") == "error: injected");
  CHECK(Look(*cache, "b") == kAbsent);
  CHECK(Stopped(*cache) == "1 requests");
  CHECK(Requests(folder / "t") == Lines{"b,1"});
}

}  // namespace
}  // namespace kvcache::testing
