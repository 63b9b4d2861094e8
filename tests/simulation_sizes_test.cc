// What simulations make of sizes, and of traces that are short, that grow and that are malformed.
#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "harness.h"
#include "simulate/simulation.h"
#include "support/random_trace.h"
#include "support/simulations.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kRequests = 3 * RequestReader::kBatch;

TEST_CASE("in bytes an object takes its size, and what is larger than the cache is not cached") {
  const TempFolder folder;
  // Of 40 bytes: c takes b's place, b those of a and c; big is never cached and moves nobody.
  const std::string path =
      WriteFile(folder, "a,10\nb,20\nbig,41\na,10\nc,30\nb,20\na,10\nbig,41\n");
  const TraceScan scan = Scan(path, SizeUnit::kBytes);
  CHECK(scan.requests == 8);
  CHECK(scan.objects == 4);
  CHECK(scan.bytes == 10 + 20 + 41 + 30);
  const std::vector<SimulatedCase> cases = {
      {SpecOf("lru"), 40}, {SpecOf("lru"), 101}, {SpecOf("lru"), 9}};
  const auto results = MustSimulate(path, cases, {.sizes = SizeUnit::kBytes, .threads = 2});
  CHECK(results[0].counts.misses == 7);
  CHECK(results[0].counts.bytes == 182);
  CHECK(results[0].counts.missed_bytes == 172);
  CHECK(results[0].objects == 2);
  CHECK(results[1].counts.misses == 4);
  CHECK(results[1].objects == 4);
  CHECK(results[2].counts.misses == 8);
  CHECK(results[2].objects == 0);
  // Where objects are counted their bytes are told all the same.
  const auto counted = MustSimulate(path, {{SpecOf("lru"), 1}});
  CHECK(counted[0].counts.misses == 8);
  CHECK(counted[0].counts.missed_bytes == 182);
  CHECK(counted[0].objects == 1);
}

TEST_CASE("a resident object keeps the size with which it came") {
  const TempFolder folder;
  const std::string path = WriteFile(folder, "a,10\na,90\nb,10\na,10\nb,10\n");
  const auto results = MustSimulate(path, {{SpecOf("lru"), 20}}, {.sizes = SizeUnit::kBytes});
  CHECK(results[0].counts.misses == 2);
  CHECK(results[0].counts.bytes == 130);
  CHECK(results[0].counts.missed_bytes == 20);
}

TEST_CASE(
    "sizes in a tier: with the key and all else it takes, and a size for those that have none") {
  const TempFolder folder;
  const std::string path = WriteFile(folder, "a,10\nb\n0123456789abcdefg,10\nlarge,99999999999\n");
  ObjectSizes sizes = SizeUnit::kBytes;
  sizes.unknown = 100;
  sizes.in_tier = true;
  auto reader = RequestReader::Open(path, {}, sizes);
  REQUIRE_MESSAGE(reader, Text(reader.error()));
  std::vector<SimulatedRequest> batch;
  REQUIRE(reader->Next(batch));
  REQUIRE(batch.size() == 4);
  // Of a header of 24 bytes, the key's and the value's a multiple of 16, or what divides a slab.
  CHECK(batch[0].size == 64 + kTableBytes + kOrderBytes);
  CHECK(batch[1].size == 144 + kTableBytes + kOrderBytes);
  CHECK(batch[2].size == 80 + kTableBytes + kOrderBytes);
  CHECK(batch[3].size == ~std::uint32_t{0});
  REQUIRE(reader->Next(batch));
  CHECK(batch.empty());
}

TEST_CASE("sizes in a tier: where a trace's sizes are key's and value's, keys count once") {
  const TempFolder folder;
  ObjectSizes sizes = SizeUnit::kBytes;
  sizes.unknown = 100;
  sizes.in_tier = true;
  const auto size_of = [&](const std::string& text) {
    auto reader = RequestReader::Open(WriteFile(folder, text), {}, sizes);
    REQUIRE_MESSAGE(reader, Text(reader.error()));
    std::vector<SimulatedRequest> batch;
    REQUIRE(reader->Next(batch));
    REQUIRE(batch.size() == 1);
    return batch[0].size - kTableBytes - kOrderBytes;
  };
  // The header, a key of 48 bytes and a value of 56.
  CHECK(size_of("0,anonymous,48,56,7,get,0\n") == 24 + 48 + 56);
  CHECK(size_of("key,op,size,op_count,key_size\nx,GET,56,1,48\n") == 24 + 48 + 56);
  CHECK(size_of("key,op,size,op_count\n0123456789abcdef,GET,56,1\n") == 24 + 16 + 56);
  CHECK(size_of("0,x,48,0,7,get,0\n") == 80);
  CHECK(size_of("0,x,0,0,7,get,0\n") == 144);
  CHECK(size_of("0,x,1,18446744073709551614,7,get,0\n") ==
        ~std::uint32_t{0} - kTableBytes - kOrderBytes);
}

TEST_CASE("where bytes count, a request without a size is an error that names file and line") {
  const TempFolder folder;
  const std::string path = WriteFile(folder, "a,10\nb,20\nc\n");
  const auto scan = ScanTrace(path, {}, SizeUnit::kBytes, false, IgnoreProgress);
  REQUIRE(!scan);
  CHECK(scan.error().code == ErrorCode::kInvalidArgument);
  CHECK(scan.error().message.starts_with(path + ":3: no size"));
  const std::vector<SimulatedCase> cases = {{SpecOf("lru"), 40}};
  SimulationOptions options{.sizes = SizeUnit::kBytes};
  const auto results = Simulate(path, cases, options, {});
  REQUIRE(!results);
  CHECK(results.error().message.starts_with(path + ":3: no size"));
  options.trace.name = "standard input";
  const auto named = Simulate(path, cases, options, {});
  REQUIRE(!named);
  CHECK(named.error().message.starts_with("standard input:3: no size"));
}

TEST_CASE("where malformed lines are left out, so are requests without a size") {
  const TempFolder folder;
  const TraceOptions skipping{.skip_bad = true};
  const std::string path = WriteFile(folder, "key,size\nb,0\na,10\nbad,x\na,10\nc,\nb,20\na,10\n");
  const auto scan = ScanTrace(path, skipping, SizeUnit::kBytes, true, IgnoreProgress);
  REQUIRE_MESSAGE(scan, Text(scan.error()));
  CHECK(scan->requests == 4);
  CHECK(scan->bytes == 30);
  CHECK(scan->bad_lines == 3);
  CHECK(scan->first_bad_line.starts_with(path + ":2: no size"));
  const std::vector<SimulatedCase> cases = {{SpecOf("opt"), 30}, {SpecOf("lru"), 30}};
  const SimulationOptions options{
      .sizes = SizeUnit::kBytes, .trace = skipping, .requests = scan->requests};
  const auto results = Simulate(path, cases, options, scan->next_uses);
  REQUIRE_MESSAGE(results, Text(results.error()));
  for (const SimulationResult& result : *results) {
    CHECK(result.counts.requests == 4);
    CHECK(result.counts.misses == 2);
  }
  const auto counted = ScanTrace(path, skipping, SizeUnit::kObjects, false, IgnoreProgress);
  REQUIRE(counted);
  CHECK(counted->requests == 6);
  CHECK(counted->bad_lines == 1);
}

TEST_CASE("an empty trace, and one of a single request") {
  const TempFolder folder;
  for (const unsigned threads : {1U, 3U}) {
    CAPTURE(threads);
    for (const std::uint64_t requests : {0U, 1U}) {
      CAPTURE(requests);
      const std::string path = WriteFile(folder, requests == 0 ? "" : "a\n");
      const TraceScan scan = Scan(path);
      CHECK(scan.requests == requests);
      CHECK(scan.objects == requests);
      std::vector<SimulatedCase> cases;
      for (const std::string& policy : AllPolicies()) {
        for (const std::uint64_t size : {0U, 1U, 2U}) cases.push_back({SpecOf(policy), size});
      }
      const auto results = MustSimulate(path, cases, {.threads = threads});
      for (std::size_t i = 0; i < results.size(); ++i) {
        CAPTURE(i);
        CHECK(results[i].counts.requests == requests);
        CHECK(results[i].counts.misses == requests);
        CHECK(results[i].counts.miss_ratio() == static_cast<double>(requests));
        CHECK(results[i].objects == (cases[i].size == 0 ? 0 : requests));
      }
    }
  }
}

TEST_CASE("caches of no and of one object") {
  const TempFolder folder;
  const std::string path = WriteFile(folder, "a\na\nb\nb\nb\na\n");
  std::vector<SimulatedCase> cases;
  for (const std::string& policy : AllPolicies()) {
    cases.push_back({SpecOf(policy), 0});
    cases.push_back({SpecOf(policy), 1});
  }
  const auto results = MustSimulate(path, cases);
  for (std::size_t i = 0; i < results.size(); i += 2) {
    CAPTURE(i / 2);
    CHECK(results[i].counts.misses == 6);
    CHECK(results[i].objects == 0);
    CHECK(results[i + 1].counts.misses == 3);
    CHECK(results[i + 1].objects == 1);
  }
}

TEST_CASE("what comes to a trace after it was scanned is left out") {
  const TempFolder folder;
  const std::string path = WriteTrace(folder, RandomTrace(Seed(), kRequests - 77, 300));
  std::vector<SimulatedCase> cases;
  for (const std::string& policy : AllPolicies()) cases.push_back({SpecOf(policy), 50});
  const auto others = std::span(cases).first(cases.size() - 1);  // all but opt
  const TraceScan scan = Scan(path);
  const auto before = MustSimulate(path, cases);
  std::ofstream file(path, std::ios::app);
  for (std::size_t i = 0; i < 2 * kRequests; ++i) file << i << '\n';
  file.close();
  const auto told = Simulate(path, others, {.requests = scan.requests, .threads = 2}, {});
  const auto known_by_opt = Simulate(path, cases, {.threads = 2}, scan.next_uses);
  for (const auto& results : {told, known_by_opt}) {
    REQUIRE(results);
    for (std::size_t i = 0; i < results->size(); ++i) {
      CAPTURE(i);
      CHECK((*results)[i].counts.requests == scan.requests);
      CHECK((*results)[i].counts.misses == before[i].counts.misses);
    }
  }
}

// A line that is malformed, as the request of this number.
std::string TraceWithBadLine(std::size_t at) {
  std::string text;
  for (std::size_t i = 0; i < kRequests; ++i) {
    text += i == at ? "bad,99999999999999999999999\n" : std::to_string(i % 1000) + "\n";
  }
  return text;
}

TEST_CASE("a malformed line ends a simulation wherever it comes, and all its threads") {
  const TempFolder folder;
  std::vector<SimulatedCase> cases;
  for (const std::uint64_t size : {10U, 100U, 500U}) cases.push_back({SpecOf("lru"), size});
  constexpr std::size_t kBatch = RequestReader::kBatch;
  for (const std::size_t at : {std::size_t{0}, std::size_t{1}, kBatch - 1, kBatch, kBatch + 1,
                               2 * kBatch + 77, kRequests - 1}) {
    CAPTURE(at);
    const std::string path = WriteFile(folder, TraceWithBadLine(at));
    for (const unsigned threads : {1U, 2U, 5U}) {
      CAPTURE(threads);
      const auto results = Simulate(path, cases, {.threads = threads}, {});
      REQUIRE(!results);
      CHECK(results.error().message.starts_with(path + ":" + std::to_string(at + 1) + ":"));
    }
  }
}

TEST_CASE("malformed lines can be left out, and are counted") {
  const TempFolder folder;
  const std::string path = WriteFile(folder, TraceWithBadLine(20000));
  const TraceOptions skipping{.skip_bad = true};
  const auto scan = ScanTrace(path, skipping, SizeUnit::kObjects, false, IgnoreProgress);
  REQUIRE_MESSAGE(scan, Text(scan.error()));
  CHECK(scan->requests == kRequests - 1);
  CHECK(scan->bad_lines == 1);
  CHECK(scan->first_bad_line.starts_with(path + ":20001:"));
  const std::vector<SimulatedCase> cases = {{SpecOf("lru"), 1000}};
  const auto results = Simulate(path, cases, {.trace = skipping, .threads = 2}, {});
  REQUIRE_MESSAGE(results, Text(results.error()));
  CHECK((*results)[0].counts.misses == 1000);
}

TEST_CASE("a trace that is not there is an error that names it") {
  const TempFolder folder;
  const std::string path = folder / "missing.txt";
  const auto scan = ScanTrace(path, {}, SizeUnit::kObjects, false, IgnoreProgress);
  REQUIRE(!scan);
  CHECK(scan.error().message.find(path) != std::string::npos);
  const std::vector<SimulatedCase> cases = {{SpecOf("lru"), 40}};
  CHECK(!Simulate(path, cases, {}, {}));
}

}  // namespace
}  // namespace kvcache::testing
