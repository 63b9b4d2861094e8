// Samples of traces, and LRU's stack distances.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness.h"
#include "simulate/miss_ratio_curve.h"
#include "simulate/sampled_trace.h"
#include "simulate/stack_distances.h"
#include "support/naive/lru.h"
#include "support/random_trace.h"
#include "support/simulations.h"

namespace kvcache::testing {
namespace {

SampledTrace Sample(const std::string& path, std::size_t most_keys) {
  auto sample = SampleTrace(path, {}, SizeUnit::kObjects, most_keys, IgnoreProgress);
  REQUIRE_MESSAGE(sample, Text(sample.error()));
  return std::move(*sample);
}

std::vector<std::uint64_t> HashesOf(const std::vector<SimulatedRequest>& requests) {
  std::vector<std::uint64_t> hashes;
  for (const SimulatedRequest& request : requests) hashes.push_back(request.hash);
  return hashes;
}

std::set<std::uint64_t> KeysOf(const SampledTrace& sample) {
  const std::vector<std::uint64_t> hashes = HashesOf(sample.requests);
  return {hashes.begin(), hashes.end()};
}

TEST_CASE("a trace of no more keys than are asked for is its own sample") {
  const Keys keys = RandomTrace(Seed(), 40000, 300);
  const std::size_t unique = std::set(keys.begin(), keys.end()).size();
  const TempFolder folder;
  const std::string path = WriteTrace(folder, keys);
  for (const std::size_t most : {unique, unique + 1, std::size_t{100000}}) {
    CAPTURE(most);
    const SampledTrace sample = Sample(path, most);
    CHECK(sample.rate == 1);
    CHECK(sample.keys == unique);
    CHECK(sample.all_keys == unique);
    CHECK(sample.all_bytes == unique);
    CHECK(sample.all_requests == keys.size());
    CHECK(!sample.has_sizes);
    CHECK(HashesOf(sample.requests) == HashesOf(RequestsOf(keys)));
    CHECK(sample.MissRatio(keys.size() / 2) == 0.5);
  }
}

TEST_CASE("a sample has as many keys as are asked for, with all their requests in order") {
  const Keys keys = RandomTrace(Seed(), 60000, 5000);
  const std::vector<SimulatedRequest> all = RequestsOf(keys);
  const std::size_t unique = std::set(keys.begin(), keys.end()).size();
  const TempFolder folder;
  const std::string path = WriteTrace(folder, keys);
  std::set<std::uint64_t> larger;  // the keys of a larger sample
  for (const std::size_t most : {unique - 1, std::size_t{1000}, std::size_t{100}, std::size_t{1}}) {
    CAPTURE(most);
    const SampledTrace sample = Sample(path, most);
    const std::set<std::uint64_t> sampled = KeysOf(sample);
    CHECK(sampled.size() == most);
    CHECK(sample.keys == most);
    CHECK(sample.rate < 1);
    CHECK(sample.all_requests == keys.size());
    std::vector<std::uint64_t> expected;
    for (const SimulatedRequest& request : all) {
      if (sampled.contains(request.hash)) expected.push_back(request.hash);
    }
    CHECK(HashesOf(sample.requests) == expected);
    if (most >= 100) {  // within four standard deviations
      const double off = static_cast<double>(sample.all_keys) / static_cast<double>(unique) - 1;
      CHECK(std::abs(off) < 4 / std::sqrt(static_cast<double>(most)));
    }
    // Hashes decide: a smaller sample is part of a larger one.
    const bool part = larger.empty() || std::ranges::includes(larger, sampled);
    CHECK(part);
    larger = sampled;
    const SampledTrace again = Sample(path, most);
    CHECK(HashesOf(again.requests) == HashesOf(sample.requests));
    CHECK(again.rate == sample.rate);
  }
}

TEST_CASE("an empty trace has an empty sample") {
  const TempFolder folder;
  const SampledTrace sample = Sample(WriteFile(folder, ""), 10);
  CHECK(sample.requests.empty());
  CHECK(sample.all_requests == 0);
  CHECK(sample.all_keys == 0);
  CHECK(sample.MissRatio(0) == 0);
  CHECK(HalfOf(sample, true).requests.empty());
}

TEST_CASE("a sample tells of sizes, keys and malformed lines") {
  const TempFolder folder;
  const std::string path = WriteFile(folder, "a,10\nbbb,99999999999999999999999\nccc,30\na,20\n");
  const auto sample = SampleTrace(path, {.skip_bad = true}, SizeUnit::kBytes, 100, IgnoreProgress);
  REQUIRE_MESSAGE(sample, Text(sample.error()));
  CHECK(sample->has_sizes);
  CHECK(sample->all_bytes == 40);
  CHECK(sample->bad_lines == 1);
  CHECK(sample->first_bad_line.starts_with(path + ":2:"));
  CHECK(!SampleTrace(path, {}, SizeUnit::kBytes, 100, IgnoreProgress));
}

TEST_CASE("a trace has sizes if any request of it has one") {
  const TempFolder folder;
  for (const std::string text : {"a,1\nb\n", "a\nb,1\na\n", "a\nb\n"}) {
    CAPTURE(text);
    const bool has_sizes = text.contains(',');
    const std::string path = WriteFile(folder, text);
    CHECK(Sample(path, 100).has_sizes == has_sizes);
    CHECK(Scan(path).has_sizes == has_sizes);
  }
}

// A key of which every second request is, among others that are asked for much less.
struct HotTrace {
  std::string path;
  std::uint64_t hot = 0;  // its hash

  HotTrace(const TempFolder& folder, const Keys& keys, const std::string& name)
      : hot(HashKey(name, 0)) {
    std::string text;
    for (const std::uint32_t key : keys) text += name + "\n" + std::to_string(key) + "\n";
    path = WriteFile(folder, text);
  }
};

TEST_CASE("whether a hot key is in the sample or not does not shift miss ratios") {
  const Keys keys = RandomTrace(Seed(), 30000, 4000);
  const TempFolder folder;
  const std::vector<std::optional<PolicySpec>> lru = {SpecOf("lru")};
  const std::vector<std::uint64_t> sizes = {200, 1000, 4000};
  std::optional<MissRatioCurve> sampled[2];  // the hot key's place: out of the sample, in it
  std::size_t requests[2] = {};
  for (int number = 0; !sampled[0] || !sampled[1]; ++number) {
    REQUIRE(number < 1000);
    const HotTrace trace(folder, keys, "hot" + std::to_string(number));
    const SampledTrace sample = Sample(trace.path, 1000);
    const std::size_t in = KeysOf(sample).contains(trace.hot) ? 1 : 0;
    requests[in] = sample.requests.size();
    sampled[in] = SampledCurves(sample, SizeUnit::kObjects, lru, sizes, 1)[0];
    CHECK(HalfOf(sample, false).requests.size() + HalfOf(sample, true).requests.size() ==
          sample.requests.size());
  }
  CHECK(requests[1] > 2 * requests[0]);
  const HotTrace trace(folder, keys, "hot");
  const auto exact = ExactCurves(trace.path, {}, lru, sizes);
  REQUIRE_MESSAGE(exact, Text(exact.error()));
  CHECK(MeanAbsoluteDifference(*sampled[0], *sampled[1]) < 0.005);
  CHECK(MeanAbsoluteDifference(*sampled[0], (*exact)[0]) < 0.03);
  CHECK(MeanAbsoluteDifference(*sampled[1], (*exact)[0]) < 0.03);
}

TEST_CASE("the halves of a sample share its keys between them") {
  const TempFolder folder;
  for (const std::size_t most : {1U, 2U, 500U, 100000U}) {
    CAPTURE(most);
    const SampledTrace sample = Sample(WriteTrace(folder, RandomTrace(Seed(), 30000, 3000)), most);
    const SampledTrace first = HalfOf(sample, false);
    const SampledTrace second = HalfOf(sample, true);
    CHECK(first.keys + second.keys == sample.keys);
    CHECK(first.rate + second.rate == doctest::Approx(sample.rate));
    CHECK(first.all_requests == sample.all_requests);
    CHECK(KeysOf(first).size() == first.keys);
    std::set<std::uint64_t> both = KeysOf(first);
    both.merge(KeysOf(second));
    CHECK(both == KeysOf(sample));
    // Each has all requests of its keys, in their order.
    std::vector<std::uint64_t> expected[2];
    const std::set<std::uint64_t> of_first = KeysOf(first);
    for (const std::uint64_t hash : HashesOf(sample.requests)) {
      expected[of_first.contains(hash) ? 0 : 1].push_back(hash);
    }
    CHECK(HashesOf(first.requests) == expected[0]);
    CHECK(HashesOf(second.requests) == expected[1]);
    if (most >= 500) {
      CHECK(first.keys > sample.keys / 3);
      CHECK(second.keys > sample.keys / 3);
    }
  }
}

TEST_CASE("stack distances: at every size as many misses as a naive lru has") {
  // Times are given anew every few thousand requests.
  const Keys keys = RandomTrace(Seed(), 20000, 50);
  StackDistances distances;
  CHECK(distances.CountsAt(10).misses == 0);
  for (const SimulatedRequest& request : RequestsOf(keys))
    distances.Request(request.hash, request.size);
  CHECK(distances.requests() == keys.size());
  for (std::uint64_t size = 0; size <= 52; ++size) {
    CAPTURE(size);
    NaiveLru naive(size);
    std::uint64_t misses = 0;
    for (const std::uint32_t key : keys) misses += naive.Request(key) ? 0 : 1;
    CHECK(distances.CountsAt(size).misses == misses);
  }
  CHECK(distances.CountsAt(~std::uint64_t{0}).misses == distances.CountsAt(52).misses);
}

TEST_CASE("stack distances: so they do with thousands of keys, at any moment") {
  const Keys keys = RandomTrace(Seed(), 60000, 9000);
  const std::vector<SimulatedRequest> requests = RequestsOf(keys);
  const std::vector<std::uint64_t> sizes = {1, 10, 100, 1000, 5000, 8999, 9000};
  std::vector<SimulatedCase> cases;
  for (const std::uint64_t size : sizes) cases.push_back({SpecOf("lru"), size});
  std::vector<std::unique_ptr<Lane>> lanes;
  const PageVector<std::uint32_t> none;
  for (const auto& one : cases) {
    lanes.push_back(std::make_unique<Lane>(one, SizeUnit::kObjects, none));
  }
  StackDistances distances;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    distances.Request(requests[i].hash, requests[i].size);
    for (const auto& lane : lanes) lane->Run({&requests[i], 1}, i);
    if (i % 1000 != 999) continue;
    CAPTURE(i);
    for (std::size_t size = 0; size < sizes.size(); ++size) {
      CHECK(distances.CountsAt(sizes[size]).misses == lanes[size]->result().counts.misses);
    }
  }
}

}  // namespace
}  // namespace kvcache::testing
