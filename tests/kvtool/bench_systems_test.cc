// The systems that kvtool bench compares do the same for the same call.
#include "kvtool/bench_systems.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "kvcache/options.h"
#include "support/temp_folder.h"

namespace kvcache::kvtool {
namespace {

constexpr std::uint64_t kRecords = 1000;

std::string Key(std::uint64_t record) { return fmt::format("{:016}", record); }

void MakePairs(const std::string& path) {
  std::uint64_t record = 0;
  const auto made = MakeDatabase(path, [&record](std::string& key, std::string& value) {
    key = Key(record);
    value.assign(100, 'v');
    return record++ < kRecords;
  });
  REQUIRE(made);
}

TEST_CASE("a scan goes from pair to pair as often under every system") {
  const testing::TempFolder folder;
  MakePairs(folder / "pairs");
  rocksdb::SetPerfLevel(rocksdb::kEnableCount);
  for (const std::string_view name : SystemNames()) {
    CAPTURE(name);
    REQUIRE(CopyDatabase(folder / "pairs", folder / name));
    const auto system =
        OpenSystem(name, folder / name, {.budget = 1 << 20, .policy = Options{}.policy});
    REQUIRE(system);
    const auto steps = [&system](std::uint64_t from, std::size_t pairs) {
      rocksdb::get_perf_context()->Reset();
      REQUIRE((*system)->Scan(Key(from), pairs));
      return rocksdb::get_perf_context()->internal_key_skipped_count;
    };
    CHECK(steps(500, 1) == 0);
    CHECK(steps(500, 7) == 6);
    CHECK(steps(kRecords - 3, 7) == 3);  // the last one finds the end
  }
  rocksdb::SetPerfLevel(rocksdb::kDisable);
}

}  // namespace
}  // namespace kvcache::kvtool
