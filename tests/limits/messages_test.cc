// Hostile texts in every place that takes one: one clear line that no terminal obeys, of bounded
// length.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "kvcache/rocksdb.h"
#include "kvcache/size.h"
#include "simulate/trace_reader.h"
#include "support/temp_folder.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

void CheckMessage(const Error& error) {
  const std::string_view message = error.message;
  CAPTURE(message);
  CHECK(message.size() > 10);
  CHECK(message.size() < 3000);
  CHECK(PrintableLine(message) == message);
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

std::vector<std::string> HostileTexts(std::size_t longest = std::size_t{64} << 10) {
  return {std::string(longest, 'x'),
          std::string(longest, '\0'),
          std::string(longest, '\n'),
          Repeated("\xF0\x9F\x98\x80", 1000),
          Repeated("\xC3", 1000),
          "\x1b]0;title\x07\x1b[2J",
          "\xC2\x9Bm",  // C1, as some terminals obey it
          "\xED\xA0\x80\xF4\x90\x80\x80\xC0\x80",
          std::string("a\0b", 3),
          "a\r\nb: c",
          "%s%n{}{0}"};
}

TEST_CASE("policy strings of a hostile user") {
  std::vector<std::string> texts = HostileTexts(std::size_t{1} << 20);
  for (const std::string& text : HostileTexts()) {
    texts.push_back("lru-k:" + text);
    texts.push_back("lru-k:" + text + "=1");
    texts.push_back("lru-k:k=" + text);
    texts.push_back("lru:" + text);
  }
  for (const std::string_view number :
       {"1e400", "-1e400", "nan", "-nan", "inf", "-inf", "0x2", "1e-400x", "--1", "+2"}) {
    texts.push_back("lru-k:k=" + std::string(number));
    texts.push_back("2q:kin=" + std::string(number));
  }
  texts.push_back("lru-k:k=" + Repeated("9", 100'000));
  texts.push_back("lru-k:k=-" + Repeated("9", 100'000) + "." + Repeated("1", 1000));
  texts.push_back("lru-k:" + Repeated("k=2,", 100'000) + "k=2");
  texts.push_back(Repeated("lru-k:k=", 100'000) + "2");
  texts.push_back(Repeated("(", 100'000));
  auto cache = Cache::Open(Options{.policy = "lru"}, MakeMemoryStore());
  REQUIRE(cache);
  for (const std::string& text : texts) {
    CAPTURE(text.substr(0, 40));
    CAPTURE(text.size());
    const Result<void> set = (*cache)->SetPolicy(text);
    REQUIRE_FALSE(set);
    CHECK(set.error().code == ErrorCode::kInvalidArgument);
    CheckMessage(set.error());
    CHECK((*cache)->GetStats().policy == "lru");
    CHECK_FALSE(Cache::Open({.policy = text}, MakeMemoryStore()));
  }
}

TEST_CASE("a policy's parameters are told to the last digit") {
  for (const std::string text :
       {"2q:kin=0.1234567890123,kout=0.5", "lru-k:k=2,history=123456789",
        "w-tinylfu:window=0.30000000000000004,protected=0.8,adaptive=1,sample=10"}) {
    auto cache = Cache::Open({.policy = text}, MakeMemoryStore());
    REQUIRE(cache);
    CHECK((*cache)->GetStats().policy == text);
  }
}

TEST_CASE("names of databases, files, formats and families of a hostile user") {
  const TempFolder folder;
  for (const std::string& text : HostileTexts()) {
    if (text.size() > 255) continue;  // no file has such a name
    CAPTURE(text);
    const auto database = OpenRocksDb(folder / ("none/" + text), {.create_if_missing = false});
    REQUIRE_FALSE(database);
    CheckMessage(database.error());
    const auto made = OpenRocksDb(folder / ("none/no/" + text), {});
    if (!made) CheckMessage(made.error());
    const auto family = OpenRocksDb(folder / "db", {.column_family = text});
    REQUIRE_FALSE(family);
    CheckMessage(family.error());
    const auto options = OpenRocksDb(folder / "db", {.options_file = folder / text});
    REQUIRE_FALSE(options);
    CheckMessage(options.error());

    const auto trace = TraceReader::Open(folder / text);
    REQUIRE_FALSE(trace);
    CheckMessage(trace.error());
    const auto format = TraceReader::Open("/dev/null", {.format = text});
    REQUIRE_FALSE(format);
    CheckMessage(format.error());
  }
  auto cache = Cache::Open(Options(), MakeMemoryStore());
  REQUIRE(cache);
  const auto recording = (*cache)->StartRecording({.path = folder / "none/\x1b[2J\n"});
  REQUIRE_FALSE(recording);
  CheckMessage(recording.error());
}

TEST_CASE("sizes and formats' parameters of any length") {
  for (const std::string& text : HostileTexts()) {
    CAPTURE(text.substr(0, 40));
    for (const std::string& size : {text, "1" + text, "1 " + text, text + "KiB"}) {
      const auto parsed = ParseSize(size);
      REQUIRE_FALSE(parsed);
      CheckMessage(parsed.error());
    }
    for (const std::string& format : {text, "csv:" + text, "lis:" + text}) {
      const auto trace = TraceReader::Open("/dev/null", {.format = format});
      REQUIRE_FALSE(trace);
      CheckMessage(trace.error());
    }
  }
}

TEST_CASE("options out of range") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double sample :
       {0.0, -0.0, -1.0, 1.0000001, 1e300, kNan, -kNan, kInfinity, -kInfinity}) {
    CAPTURE(sample);
    const RecordOptions options = {.path = "x", .sample = sample};
    REQUIRE_FALSE(options.Validate());
    CheckMessage(options.Validate().error());
  }
  for (const std::uint32_t number : {3U, 15U, 17U, 1025U, 2048U, 1U << 31, 0xFFFFFFFFU}) {
    CAPTURE(number);
    const Options shards = {.shards = number};
    REQUIRE_FALSE(shards.Validate());
    CheckMessage(shards.Validate().error());
    const Options alignment = {.value_alignment = number};
    REQUIRE_FALSE(alignment.Validate());
    CheckMessage(alignment.Validate().error());
  }
}

// A bad line for every format, with `text` where it is told.
TEST_CASE("lines of hostile traces are told by an excerpt") {
  const TempFolder folder;
  const std::string name = folder / "trace";
  for (const std::string& text : HostileTexts()) {
    if (text.contains('\n')) continue;
    const std::vector<std::pair<std::string, std::string>> bad = {
        {"text", "k," + text},
        {"csv", text},
        {"csv", "key,size\nk," + text},
        {"csv:key=" + text, "key,size\n"},
        {"csv", Repeated("column,", 1000)},
        {"cachelib", text},
        {"cachelib", "key,op,op_count\nk,GET," + text},
        {"cachelib", "key,op,op_count,size\nk,GET,1," + text},
        {"twitter", text + ",k,1,1,1,get,0"},
        {"twitter", "0,k,1,1,1," + text + ",0"},
        {"lis", text + " 1 0 1"}};
    for (const auto& [format, content] : bad) {
      CAPTURE(format.substr(0, 40));
      CAPTURE(content.substr(0, 60));
      std::ofstream(name, std::ios::binary) << content << '\n';
      auto reader = TraceReader::Open(name, {.format = format});
      REQUIRE(reader);
      TraceRequest request;
      const auto more = (*reader)->Next(request);
      REQUIRE_FALSE(more);
      CheckMessage(more.error());
      CHECK(more.error().message.starts_with(name + ":"));
    }
  }
}

TEST_CASE("sizes in traces that add up beyond 2^64 are malformed, not small") {
  const TempFolder folder;
  const std::string name = folder / "trace";
  const std::string most = "18446744073709551615";
  for (const auto& [format, content] : std::vector<std::pair<std::string, std::string>>{
           {"twitter", "0,k,1," + most + ",1,get,0\n"},
           {"cachelib", "key,op,op_count,size,key_size\nk,GET,1," + most + ",1\n"}}) {
    std::ofstream(name, std::ios::binary) << content;
    auto reader = TraceReader::Open(name, {.format = format});
    REQUIRE(reader);
    TraceRequest request;
    const auto more = (*reader)->Next(request);
    REQUIRE_FALSE(more);
    CHECK(more.error().message.contains("beyond 2^64"));
  }
}

TEST_CASE("what is shown to people") {
  CHECK(Printable("a\tb\\\x1b\xff\xC3\xA9\xC2\x85") == "a\\tb\\\\\\x1B\\xFF\xC3\xA9\\xC2\\x85");
  CHECK(PrintableLine("a\tb\\t\x1b") == "a\\tb\\t\\x1B");
  CHECK(Excerpt(std::string(40, 'x')) == std::string(40, 'x'));
  CHECK(Excerpt(std::string(41, 'x')) == std::string(40, 'x') + "...");
  // Not in the middle of a character.
  CHECK(Excerpt(std::string(39, 'x') + "\xC3\xA9y") == std::string(39, 'x') + "\xC3\xA9...");
}

}  // namespace
}  // namespace kvcache::testing
