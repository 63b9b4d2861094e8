// How a cache is opened and reconfigured: what is wrong is said in one line.
#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "kvcache/policy.h"
#include "support/sample_policies.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// One clear line, that names what is wrong and has no trailing period.
void CheckRefused(const Result<void>& result, std::string_view names) {
  REQUIRE_FALSE(result);
  const Error& error = result.error();
  CAPTURE(error.message);
  CHECK(error.code == ErrorCode::kInvalidArgument);
  CHECK(error.message.find(names) != std::string::npos);
  CHECK(error.message.size() < 1000);
  for (const char c : error.message) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) FAIL_CHECK("a control character");
  }
  CHECK_FALSE(error.message.empty());
  CHECK(error.message.back() != '.');
}

TEST_CASE("each wrong option is refused by name, by Validate and by Open") {
  struct Wrong {
    std::string names;
    std::function<void(Options&)> spoil;
  };
  const std::vector<Wrong> wrongs = {
      {"shards", [](Options& options) { options.shards = 3; }},
      {"shards", [](Options& options) { options.shards = 2048; }},
      {"shards", [](Options& options) { options.shards = 0xffffffff; }},
      {"value_alignment", [](Options& options) { options.value_alignment = 0; }},
      {"value_alignment", [](Options& options) { options.value_alignment = 32; }},
      {"policy", [](Options& options) { options.policy = "no-such-policy"; }},
      {"policy", [](Options& options) { options.policy = ""; }},
  };
  for (const Wrong& wrong : wrongs) {
    CAPTURE(wrong.names);
    Options options;
    wrong.spoil(options);
    CheckRefused(options.Validate(), wrong.names);
    const auto opened = Cache::Open(options, MakeMemoryStore());
    REQUIRE_FALSE(opened);
    CHECK(opened.error() == options.Validate().error());
  }
  CHECK(Options().Validate());
}

TEST_CASE("a cache needs a path or a store") {
  const auto no_path = Cache::Open(Options());
  REQUIRE_FALSE(no_path);
  CHECK(no_path.error().code == ErrorCode::kInvalidArgument);
  CHECK(no_path.error().message.find("path") != std::string::npos);
  const auto no_store = Cache::Open(Options(), nullptr);
  REQUIRE_FALSE(no_store);
  CHECK(no_store.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("every number of shards that Validate allows works") {
  for (std::uint32_t shards = 1; shards <= 1024; shards *= 2) {
    CAPTURE(shards);
    Options options;
    options.shards = shards;
    auto cache = Cache::Open(options, MakeMemoryStore());
    REQUIRE(cache);
    CHECK((*cache)->GetStats().shards.size() == shards);
    CHECK(Text((*cache)->Put("k", "v")) == "ok");
    CHECK(Look(**cache, "k") == "v, hit");
  }
}

// Which of 64 shards hold how many of 64 keys follows from the seed of the hash.
TEST_CASE("each cache hashes keys with a seed of its own") {
  const auto placed = [] {
    auto cache = Cache::Open({.capacity = 64 * kMiB, .shards = 64}, MakeMemoryStore());
    REQUIRE(cache);
    for (int i = 0; i < 64; ++i) CHECK(Text((*cache)->Put(std::to_string(i), "v")) == "ok");
    std::vector<std::uint64_t> entries;
    for (const ShardStats& shard : (*cache)->GetStats().shards) entries.push_back(shard.entries);
    return entries;
  };
  const std::vector<std::uint64_t> one = placed();
  CHECK(std::accumulate(one.begin(), one.end(), std::uint64_t{0}) == 64);
  CHECK(placed() != one);
}

TEST_CASE("shards by default: no fewer than large tiers need, no more than small ones can have") {
  const auto shards = [](const Options& options) {
    auto cache = Cache::Open(options, MakeMemoryStore());
    REQUIRE(cache);
    return (*cache)->GetStats().shards.size();
  };
  CHECK(shards({.capacity = 0}) == 1);
  CHECK(shards({.capacity = 3 * kMiB}) == 2);
  CHECK(shards({.capacity = 16 * kMiB}) >= 4);
  CHECK(shards({.capacity = kMiB * 200 * 32}) >= 256);
  CHECK(shards({.capacity = ~std::uint64_t{0}}) == 1024);
  CHECK(shards({.capacity_entries = 1000}) == 1);
  CHECK(shards({.capacity_entries = std::uint64_t{200} << 18}) >= 256);
}

TEST_CASE("policy strings of a hostile user are refused in one line") {
  const std::vector<std::string> specs = {"",
                                          " ",
                                          ":",
                                          ",",
                                          "=",
                                          "lru ",
                                          " lru",
                                          "LRU",
                                          "lru:",
                                          "lru,",
                                          "lru:k",
                                          "lru:k=2",
                                          "lru:=",
                                          "lru-k:",
                                          "lru-k:k",
                                          "lru-k:k=",
                                          "lru-k:=2",
                                          "lru-k:k=0",
                                          "lru-k:k=-1",
                                          "lru-k:k=2.5",
                                          "lru-k:k=x",
                                          "lru-k:k=2x",
                                          "lru-k:k= 2",
                                          "lru-k:k=nan",
                                          "lru-k:k=inf",
                                          "lru-k:k=1e309",
                                          "lru-k:k=99999999999999999999",
                                          "lru-k:k=2,",
                                          "lru-k:k=2,,",
                                          "lru-k:k=2,k=3",
                                          "lru-k:k=2:history=1",
                                          "lru-k:k=2,history=-1",
                                          "lru-k:k=2,history=nan",
                                          "lru-k:nope=1",
                                          "lru-k:k==2",
                                          "lfu:lru",
                                          "lru\n",

                                          "nope\nnope",
                                          "\x1b[31mred",
                                          "\xff\xfe",
                                          std::string("lru\0k", 5),
                                          std::string("lru-k:k=2\0", 10),
                                          std::string(100'000, 'x'),
                                          "lru-k:" + std::string(100'000, 'k') + "=1",
                                          "%s%n",
                                          "{}",
                                          "{0}{1}"};
  auto cache = Cache::Open(Options{.policy = "lru"}, MakeMemoryStore());
  REQUIRE(cache);
  for (const std::string& spec : specs) {
    CAPTURE(spec.substr(0, 40));
    CheckRefused((*cache)->SetPolicy(spec), "");
    CHECK((*cache)->GetStats().policy == "lru");
  }
}

TEST_CASE("an unknown policy's error names those that exist, an unknown parameter's likewise") {
  auto cache = Cache::Open(Options(), MakeMemoryStore());
  REQUIRE(cache);
  for (const PolicyInfo& info : RegisteredPolicies()) {
    CheckRefused((*cache)->SetPolicy("no-such-policy"), info.name);
    for (const PolicyParameter& parameter : info.parameters) {
      CheckRefused((*cache)->SetPolicy(info.name + ":nope=1"), parameter.name);
      const std::string below = std::to_string(parameter.least - 1);
      CheckRefused((*cache)->SetPolicy(info.name + ":" + parameter.name + "=" + below),
                   parameter.name);
    }
  }
}

TEST_CASE("every registered policy opens, with its parameters at both ends, and is reported") {
  for (const PolicyInfo& info : RegisteredPolicies()) {
    CAPTURE(info.name);
    CHECK_FALSE(info.help.empty());
    std::string least = info.name;
    std::string most = info.name;
    char separator = ':';
    for (const PolicyParameter& parameter : info.parameters) {
      CHECK_FALSE(parameter.help.empty());
      CHECK(parameter.least <= parameter.value);
      CHECK(parameter.value <= parameter.most);
      least += separator + parameter.name + "=" + std::to_string(parameter.least);
      most += separator + parameter.name + "=" + std::to_string(parameter.most);
      separator = ',';
    }
    for (const std::string& spec : {info.name, least, most}) {
      CAPTURE(spec);
      Options options;
      options.policy = spec;
      auto cache = Cache::Open(options, MakeMemoryStore());
      REQUIRE_MESSAGE(cache, Text(cache.error()));
      CHECK(Text((*cache)->Put("k", "v")) == "ok");
      CHECK(Look(**cache, "k") == "v, hit");
      // What Stats report can be given back.
      CHECK(Text((*cache)->SetPolicy((*cache)->GetStats().policy)) == "ok");
    }
  }
}

TEST_CASE("a policy of the user's own: registered once, used by name, decides who leaves") {
  REQUIRE(Text(RegisterSamplePolicies()) == "ok");
  CheckRefused(RegisterSamplePolicies(), "sample-fifo");
  for (const std::string name : {"", "Upper", "with space", "colon:", "lru"}) {
    CAPTURE(name);
    PolicyInfo info = RegisteredPolicies().back();
    info.name = name;
    CheckRefused(RegisterPolicy(info), name);
  }
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  using Parameters = std::vector<PolicyParameter>;
  for (const Parameters& parameters : {
           Parameters{{.name = "k", .value = 3, .least = 0, .most = 2, .help = "above"}},
           Parameters{{.name = "k", .value = -1, .least = 0, .most = 2, .help = "below"}},
           Parameters{{.name = "k", .value = kNone, .least = 0, .most = 2, .help = "no number"}},
           Parameters{
               {.name = "k", .value = 0.5, .least = 0, .most = 2, .integer = true, .help = "half"}},
           Parameters{{.name = "k=", .value = 1, .least = 0, .most = 2, .help = "no name"}},
           Parameters{{.name = "k", .value = 1, .least = 0, .most = 2, .help = "one"},
                      {.name = "k", .value = 1, .least = 0, .most = 2, .help = "the other"}},
       }) {
    CAPTURE(parameters.back().help);
    PolicyInfo info = RegisteredPolicies().back();
    info.name = "with-parameters";
    info.parameters = parameters;
    CheckRefused(RegisterPolicy(info), "with-parameters");
    CHECK(RegisteredPolicies().back().name != "with-parameters");
  }
  for (const bool locked : {false, true}) {
    Options options;
    options.policy = locked ? "sample-lru" : "sample-fifo";
    options.capacity_entries = 3;
    options.shards = 1;
    options.exact_policy = true;
    auto cache = Cache::Open(options, MakeMemoryStore());
    REQUIRE(cache);
    for (const std::string_view key : {"a", "b", "c"}) {
      CHECK(Text((*cache)->Put(key, "v")) == "ok");
    }
    CHECK(Look(**cache, "a") == "v, hit");
    CHECK(Text((*cache)->Put("d", "v")) == "ok");
    CHECK((*cache)->GetStats().total.evictions == 1);
    CHECK(Look(**cache, locked ? "a" : "b") == "v, hit");
    CHECK(Look(**cache, locked ? "b" : "a") == "v, read");
    CHECK(Text((*cache)->SetPolicy("lru")) == "ok");
    CHECK(Text((*cache)->SetPolicy(options.policy)) == "ok");
    CHECK((*cache)->GetStats().policy == options.policy);
    CHECK((*cache)->GetStats().total.entries == 3);
  }
}

TEST_CASE("a switch of policies keeps the order: the coldest still leave first") {
  const auto key = [](int i) { return "key" + std::to_string(i); };
  for (const PolicyInfo& info : RegisteredPolicies()) {
    CAPTURE(info.name);
    Options options;
    options.capacity_entries = 100;
    options.shards = 1;
    options.exact_policy = true;
    auto cache = Cache::Open(options, MakeMemoryStore());
    REQUIRE(cache);
    for (int i = 0; i < 100; ++i) CHECK(Text((*cache)->Put(key(i), "v")) == "ok");
    CHECK(Text((*cache)->SetPolicy(info.name)) == "ok");
    for (int i = 100; i < 150; ++i) CHECK(Text((*cache)->Put(key(i), "v")) == "ok");
    int kept = 0;
    for (int i = 50; i < 100; ++i) kept += Look(**cache, key(i)) == "v, hit" ? 1 : 0;
    CHECK(kept >= 48);  // lirs and w-tinylfu put one or two of the old ones on probation
  }
}

TEST_CASE("capacity follows SetCapacity, in bytes and in entries") {
  auto cache = Cache::Open(Options(), MakeMemoryStore());
  REQUIRE(cache);
  const std::string value(1000, 'v');
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE((*cache)->Put("key" + std::to_string(i), value));
  }
  CHECK(Text((*cache)->SetCapacity(4 * kMiB)) == "ok");
  Stats stats = (*cache)->GetStats();
  CHECK(stats.capacity == 4 * kMiB);
  CHECK_FALSE(stats.capacity_in_entries);
  CHECK(stats.memory_bytes <= 4 * kMiB);
  CHECK(stats.total.entries > 0);
  CHECK(Text((*cache)->SetCapacityEntries(100)) == "ok");
  stats = (*cache)->GetStats();
  CHECK(stats.capacity == 100);
  CHECK(stats.capacity_in_entries);
  CHECK(stats.total.entries <= 100);
  CHECK(Text((*cache)->SetCapacity(0)) == "ok");
  stats = (*cache)->GetStats();
  CHECK(stats.total.entries == 0);
  CHECK(stats.total.bytes == 0);
  CHECK(Text((*cache)->SetCapacity(64 * kMiB)) == "ok");
  CHECK(Look(**cache, "key7") == value + ", read");
  CHECK(Look(**cache, "key7") == value + ", hit");
}

}  // namespace
}  // namespace kvcache::testing
