// Capacity is real memory: what the process grows by in resident size. So it is with scans.
#include <doctest/doctest.h>
#include <rocksdb/options.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness.h"
#include "kvcache/cache.h"
#include "support/proc.h"
#include "support/sanitizers.h"
#include "support/temp_folder.h"

namespace kvcache {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// Has every key, of a size that the key's number chooses.
class EndlessStore : public Store {
 public:
  using SizeOf = std::function<std::size_t(std::uint64_t number)>;
  explicit EndlessStore(SizeOf size_of) : size_of_(std::move(size_of)), bytes_(200000, 'x') {}

  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    receive(std::string_view(bytes_).substr(0, size_of_(std::stoull(std::string(key)))));
    return true;
  }
  Result<void> Write(const Batch&, const WriteOptions&) override { return {}; }
  Result<void> Scan(const ScanOptions&, const ScanVisitor&) override { return {}; }

 private:
  const SizeOf size_of_;
  const std::string bytes_;
};

// Reads keys 0 .. reads - 1; the growth in resident bytes, and the accounts.
struct Growth {
  std::int64_t resident = 0;
  Stats stats;
};
Growth Fill(std::uint64_t capacity, const char* policy, const EndlessStore::SizeOf& size_of,
            std::uint64_t reads) {
  auto store = std::make_unique<EndlessStore>(size_of);
  std::string value;
  value.reserve(200000);
  const std::uint64_t before = testing::ResidentBytes();
  auto cache = *Cache::Open({.capacity = capacity, .policy = policy}, std::move(store));
  for (std::uint64_t i = 0; i < reads; ++i) {
    std::string key = std::to_string(i);
    key.insert(0, 16 - key.size(), '0');
    REQUIRE(cache->Get(key, value).value());
  }
  return {.resident = static_cast<std::int64_t>(testing::ResidentBytes()) -
                      static_cast<std::int64_t>(before),
          .stats = cache->GetStats()};
}

// In a process of its own, so that what other cases left in the heap does not count.
void InChild(const std::function<void()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    body();
    _exit(doctest::getContextOptions() == nullptr ? 1 : 0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

struct Bounds {
  double least_used;  // parts of the capacity
  double most_over;
};

void CheckGrowth(std::uint64_t capacity, const char* policy, const EndlessStore::SizeOf& size_of,
                 std::uint64_t reads, Bounds bounds) {
  const std::int64_t fixed =
      Fill(0, policy, size_of, std::min<std::uint64_t>(reads, 1000)).resident;
  const Growth growth = Fill(capacity, policy, size_of, reads);
  const auto limit = static_cast<double>(capacity);
  const double slack = std::max(limit * bounds.most_over, 2.0 * kMiB);
  const auto grown = static_cast<double>(growth.resident - fixed);
  const bool fits = grown <= limit + slack;
  const bool used = static_cast<double>(growth.stats.memory_bytes) >= limit * bounds.least_used &&
                    grown >= limit * bounds.least_used - 2.0 * kMiB;
  if (!fits || !used || growth.stats.total.evictions == 0) {
    MESSAGE("grew by " << grown / limit << " of the capacity, accounts say "
                       << static_cast<double>(growth.stats.memory_bytes) / limit);
    _exit(1);
  }
}

TEST_CASE("resident memory grows by the capacity set") {
  if (testing::kSanitized) return testing::Skip("sanitizers keep freed memory resident");
  for (const std::uint64_t capacity : {16 * kMiB, 64 * kMiB}) {
    for (const std::size_t size : {10U, 100U, 1024U, 102400U}) {
      for (const char* policy : {"lru", "lfu", "lru-k"}) {
        CAPTURE(capacity);
        CAPTURE(size);
        CAPTURE(policy);
        InChild([&] {
          CheckGrowth(capacity, policy, [size](std::uint64_t) { return size; },
                      2 * capacity / (size + 40), {.least_used = 0.9, .most_over = 0.05});
        });
      }
    }
  }
}

TEST_CASE("resident memory grows by the capacity set, for mixed sizes and after sizes shift") {
  if (testing::kSanitized) return testing::Skip("sanitizers keep freed memory resident");
  constexpr std::size_t kSizes[] = {10, 100, 1024, 102400};
  const EndlessStore::SizeOf mixed = [&](std::uint64_t n) {
    const std::uint64_t draw = n * 0x9e3779b97f4a7c15 >> 32;
    return kSizes[draw % 100 == 0 ? 3 : draw % 3];
  };
  const EndlessStore::SizeOf shifting = [&](std::uint64_t n) { return kSizes[n / 60000 % 3]; };
  for (const std::uint64_t capacity : {16 * kMiB, 64 * kMiB}) {
    CAPTURE(capacity);
    InChild([&] {
      CheckGrowth(capacity, "lru", mixed, capacity / 200, {.least_used = 0.9, .most_over = 0.1});
    });
    InChild([&] {
      CheckGrowth(capacity, "lru-k", shifting, 540000, {.least_used = 0.8, .most_over = 0.1});
    });
  }
}

TEST_CASE("a tier that is not full is as resident as it says: tables it has outgrown are gone") {
  if (testing::kSanitized) return testing::Skip("sanitizers keep freed memory resident");
  InChild([] {
    const EndlessStore::SizeOf ten = [](std::uint64_t) { return 10; };
    const std::int64_t fixed = Fill(0, "lru", ten, 1000).resident;
    const Growth growth = Fill(256 * kMiB, "lru", ten, 500000);
    const auto said = static_cast<double>(growth.stats.memory_bytes);
    const auto grown = static_cast<double>(growth.resident - fixed);
    if (grown <= said + std::max(0.05 * said, 2.0 * kMiB)) return;
    MESSAGE("grew by " << grown << " bytes, accounts say " << said);
    _exit(1);
  });
}

TEST_CASE("resident memory shrinks when the capacity does") {
  if (testing::kSanitized) return testing::Skip("sanitizers keep freed memory resident");
  const auto filled = [](std::uint64_t capacity) {
    auto cache = *Cache::Open({.capacity = capacity},
                              std::make_unique<EndlessStore>([](std::uint64_t) { return 300; }));
    std::string value;
    for (int i = 0; i < 300000; ++i) (void)cache->Get(std::to_string(i), value);
    return cache;
  };
  InChild([&] {
    // Code, and what counts its coverage, is resident from its first use on.
    (void)filled(4 * kMiB)->SetCapacity(2 * kMiB);
    const std::uint64_t before = testing::ResidentBytes();
    const auto cache = filled(64 * kMiB);
    if (testing::ResidentBytes() - before < 60 * kMiB) _exit(1);
    (void)cache->SetCapacity(16 * kMiB);
    if (testing::ResidentBytes() - before > 19 * kMiB) _exit(2);
  });
}

// RocksDB's block cache may grow by its 8 MiB meanwhile, and files are read ahead.
TEST_CASE("a scan of 128 MiB takes no more memory than its beginning") {
  if (testing::kSanitized) return testing::Skip("sanitizers keep freed memory resident");
  const testing::TempFolder folder;
  InChild([&] {
    constexpr int kPairs = 32 << 10;
    rocksdb::Options rocksdb_options;
    rocksdb_options.write_buffer_size = 4 * kMiB;
    Options options;
    options.path = folder / "db";
    options.rocksdb.rocksdb_options = &rocksdb_options;
    const std::string value(4096, 'v');
    {
      const auto cache = *Cache::Open(options);
      for (int i = 0; i < kPairs; ++i) {
        if (!cache->Put(std::to_string(i), value, {.fill_tier = false})) _exit(2);
      }
    }
    const auto cache = *Cache::Open(options);
    std::uint64_t first = 0;
    std::uint64_t most = 0;
    int visited = 0;
    const auto scanned = cache->Scan({}, [&](std::string_view, std::string_view) {
      if (++visited % 1000 != 0) return true;
      most = std::max(most, testing::ResidentBytes());
      if (first == 0) first = most;
      return true;
    });
    if (!scanned || visited != kPairs) _exit(3);
    if (most <= first + 24 * kMiB) return;
    MESSAGE("grew by " << (most - first) / kMiB << " MiB");
    _exit(1);
  });
}

}  // namespace
}  // namespace kvcache
