// The requests of kvtool bench have the shares and popularities that their benchmarks publish.
#include "kvtool/workload.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace kvcache::kvtool {
namespace {

using Kind = Request::Kind;

constexpr std::uint64_t kRecords = 10'000;
constexpr int kDrawn = 200'000;

std::vector<Request> Draw(std::string_view name, ClientId client = {}, std::uint64_t seed = 1,
                          int count = kDrawn) {
  const auto workload = FindWorkload(name)->make(kRecords, client, seed);
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) requests.push_back(workload->Next());
  return requests;
}

double Share(const std::vector<Request>& requests, Kind kind) {
  return static_cast<double>(std::ranges::count(requests, kind, &Request::kind)) /
         static_cast<double>(requests.size());
}

std::map<std::uint64_t, int> Counts(const std::vector<Request>& requests) {
  std::map<std::uint64_t, int> counts;
  for (const Request& request : requests) ++counts[request.record];
  return counts;
}

TEST_CASE("workloads have the shares of operations that they are known for") {
  const struct {
    const char* name;
    double read, update, insert, scan, modify;
  } known[] = {
      {"a", 0.5, 0.5, 0, 0, 0},      {"b", 0.95, 0.05, 0, 0, 0},
      {"c", 1, 0, 0, 0, 0},          {"d", 0.95, 0, 0.05, 0, 0},
      {"e", 0, 0, 0.05, 0.95, 0},    {"f", 0.5, 0, 0, 0, 0.5},
      {"uniform", 1, 0, 0, 0, 0},    {"mixgraph", 0.85, 0.14, 0, 0.01, 0},
      {"sequential", 1, 0, 0, 0, 0}, {"hotspot", 1, 0, 0, 0, 0},
  };
  REQUIRE(std::size(known) == Workloads().size());
  for (const auto& [name, read, update, insert, scan, modify] : known) {
    CAPTURE(name);
    const auto requests = Draw(name);
    CHECK(Share(requests, Kind::kRead) == doctest::Approx(read).epsilon(0.01));
    CHECK(Share(requests, Kind::kUpdate) == doctest::Approx(update).epsilon(0.05));
    CHECK(Share(requests, Kind::kInsert) == doctest::Approx(insert).epsilon(0.05));
    CHECK(Share(requests, Kind::kScan) == doctest::Approx(scan).epsilon(0.1));
    CHECK(Share(requests, Kind::kReadModifyWrite) == doctest::Approx(modify).epsilon(0.01));
  }
}

TEST_CASE("the same seed draws the same, another one something else") {
  for (const WorkloadInfo& workload : Workloads()) {
    CAPTURE(workload.name);
    const auto records = [&](std::uint64_t seed) {
      std::vector<std::uint64_t> drawn;
      for (const Request& request : Draw(workload.name, {}, seed, 100)) {
        drawn.push_back(request.record);
      }
      return drawn;
    };
    CHECK(records(1) == records(1));
    if (workload.name != "sequential") CHECK(records(1) != records(2));
  }
}

TEST_CASE("zipfian requests are as many as 1 / rank^0.99") {
  const auto counts = Counts(Draw("c"));
  double zeta = 0;
  for (std::uint64_t i = 1; i <= kRecords; ++i) zeta += std::pow(static_cast<double>(i), -0.99);
  // Ranks below the second are drawn exactly, the others by an approximation.
  double expected = 0;
  int drawn = 0;
  for (std::uint64_t rank = 0; rank < 1000; ++rank) {
    expected += kDrawn / zeta / std::pow(static_cast<double>(rank + 1), 0.99);
    drawn += counts.contains(rank) ? counts.at(rank) : 0;
    if (rank == 0 || rank == 1 || rank == 99 || rank == 999) {
      CAPTURE(rank);
      CHECK(drawn == doctest::Approx(expected).epsilon(0.03));
    }
  }
  CHECK(counts.rbegin()->first < kRecords);
}

TEST_CASE("the latest records are the popular ones, inserted ones among them") {
  std::uint64_t newest = kRecords - 1;
  std::uint64_t near = 0;
  std::uint64_t reads = 0;
  for (const Request& request : Draw("d")) {
    if (request.kind == Kind::kInsert) {
      CHECK(request.record == ++newest);
      continue;
    }
    CHECK(request.record <= newest);
    ++reads;
    if (newest - request.record < 100) ++near;
  }
  CHECK(static_cast<double>(near) / static_cast<double>(reads) > 0.5);
}

TEST_CASE("threads insert records of different numbers") {
  std::set<std::uint64_t> inserted;
  for (unsigned thread = 0; thread < 3; ++thread) {
    for (const Request& request : Draw("e", {.thread = thread, .threads = 3}, thread + 1, 1000)) {
      if (request.kind != Kind::kInsert) continue;
      CHECK(request.record >= kRecords);
      CHECK(inserted.insert(request.record).second);
    }
  }
  CHECK(inserted.size() > 100);
}

TEST_CASE("scans and values are as long as published") {
  double pairs = 0;
  int scans = 0;
  for (const Request& request : Draw("e")) {
    if (request.kind != Kind::kScan) continue;
    CHECK((request.pairs >= 1 && request.pairs <= 100));
    pairs += request.pairs;
    ++scans;
  }
  CHECK(pairs / scans == doctest::Approx(50.5).epsilon(0.02));

  double bytes = 0;
  int values = 0;
  for (const Request& request : Draw("mixgraph")) {
    CHECK(request.record < kRecords);
    if (request.kind != Kind::kUpdate) continue;
    CHECK((request.bytes >= 1 && request.bytes <= 1024));
    bytes += request.bytes;
    ++values;
  }
  // Pareto's mean is sigma / (1 - k), and values are rounded up.
  CHECK(bytes / values == doctest::Approx(25.45 / (1 - 0.2615) + 0.5).epsilon(0.05));
}

TEST_CASE("sequential requests take all keys in order, and threads begin apart") {
  const auto requests = Draw("sequential", {.thread = 1, .threads = 2}, 1, 10);
  for (std::uint64_t i = 0; i < requests.size(); ++i) {
    CHECK(requests[i].record == kRecords / 2 + i);
  }
}

TEST_CASE("a hot spot has nine requests of ten, and moves") {
  const auto requests = Draw("hotspot", {}, 1, kRecords / 5 * 3);
  for (std::uint64_t period = 0; period < 3; ++period) {
    const auto first = requests.begin() + static_cast<std::ptrdiff_t>(period * kRecords / 5);
    const auto hot = std::count_if(first, first + kRecords / 5, [&](const Request& request) {
      return request.record / (kRecords / 100) == period;
    });
    CHECK(static_cast<double>(hot) / (kRecords / 5.0) == doctest::Approx(0.9).epsilon(0.03));
  }
}

TEST_CASE("keys have 16 bytes, and are ordered where the workload says so") {
  CHECK(KeyOf(255, true) == "00000000000000ff");
  CHECK(KeyOf(1, true) < KeyOf(2, true));
  std::set<std::string> keys;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    CHECK(KeyOf(i, false).size() == 16);
    CHECK(keys.insert(KeyOf(i, false)).second);
  }
}

TEST_CASE("a database is loaded with each record once, in no order") {
  for (std::uint64_t records = 1; records <= 1000; ++records) {
    CAPTURE(records);
    const LoadOrder order(records);
    std::set<std::uint64_t> loaded;
    std::uint64_t ascents = 0;
    for (std::uint64_t i = 0; i < records; ++i) {
      CHECK(order.Record(i) < records);
      loaded.insert(order.Record(i));
      if (i > 0 && order.Record(i) > order.Record(i - 1)) ++ascents;
    }
    CHECK(loaded.size() == records);
    if (records > 10) CHECK((ascents > records / 5 && ascents < records * 2 / 3));
  }
  const LoadOrder most(4'000'000'000);
  CHECK(most.Record(0) == 0);
  CHECK(most.Record(3'999'999'999) + most.Record(1) == 4'000'000'000);
}

TEST_CASE("values have their size, and no two are equal") {
  std::string one;
  std::string other;
  for (const std::size_t bytes : {0U, 1U, 15U, 16U, 100U, 4096U}) {
    MakeValue(1, bytes, one);
    CHECK(one.size() == bytes);
  }
  MakeValue(1, 100, one);
  MakeValue(2, 100, other);
  CHECK(one != other);
}

TEST_CASE("a stamp makes another value of each record and version, whatever its size") {
  for (const std::size_t bytes : {0U, 3U, 8U, 100U}) {
    CAPTURE(bytes);
    std::string value;
    MakeValue(0, bytes, value);
    const std::string rest = value.substr(std::min<std::size_t>(bytes, 8));
    std::set<std::string> stamped;
    for (std::uint64_t record = 0; record < 10; ++record) {
      for (std::uint64_t version = 1; version <= 10; ++version) {
        StampValue(record, version, value);
        CHECK(value.size() == bytes);
        CHECK(value.ends_with(rest));
        stamped.insert(value);
      }
    }
    CHECK(stamped.size() == (bytes == 0 ? 1U : 100U));
  }
}

TEST_CASE("workloads are found by their names") {
  for (const WorkloadInfo& workload : Workloads()) CHECK(FindWorkload(workload.name) == &workload);
  CHECK(FindWorkload("z") == nullptr);
}

}  // namespace
}  // namespace kvcache::kvtool
