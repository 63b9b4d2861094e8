// Keys and values from 0 bytes to more than the tier takes, of every byte there is.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "support/rocksdb_db.h"
#include "support/temp_folder.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

using Model = std::map<std::string, std::string>;
using Pairs = std::vector<Model::value_type>;

std::string EveryByte() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  return bytes;
}

// Keys of 0, 1, 256 and 64 Ki bytes, some of them the beginning of others.
std::vector<std::string> Keys() {
  std::vector<std::string> keys = {"", EveryByte(), std::string(2, '\0'),
                                   std::string(std::size_t{64} << 10, 'k'),
                                   std::string((std::size_t{64} << 10) - 1, 'k')};
  for (const char byte : EveryByte()) keys.emplace_back(1, byte);
  return keys;
}

std::vector<std::string> Values() {
  std::string large;
  while (large.size() < std::size_t{1} << 20) large += EveryByte();
  return {"", std::string(1, '\0'), "v", EveryByte(), large};
}

Pairs Scanned(Cache& cache, const ScanOptions& options) {
  Pairs pairs;
  const auto scanned = cache.Scan(options, [&pairs](std::string_view key, std::string_view value) {
    pairs.emplace_back(key, value);
    return true;
  });
  CHECK(Text(scanned) == "ok");
  return pairs;
}

void CheckHas(Cache& cache, const Model& model) {
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : model) keys.push_back(key);
  const auto answers = cache.MultiGet(keys);
  std::string copied;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string& value = model.find(std::string(keys[i]))->second;
    CHECK((answers[i] && *answers[i] && (*answers[i])->view() == value));
    CHECK((cache.Get(keys[i], copied) == true && copied == value));
    CHECK(cache.Contains(keys[i]) == true);
  }
  CHECK(std::ranges::equal(Scanned(cache, {}), model));
}

void Play(Cache& cache) {
  const std::vector<std::string> keys = Keys();
  Model model;
  for (const std::string& value : Values()) {
    Batch batch;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i % 2 == 0) {
        REQUIRE(Text(cache.Put(keys[i], value)) == "ok");
      } else if (value.size() < 1000) {
        batch.Put(keys[i], value);
      } else {
        continue;
      }
      model[keys[i]] = value;
      if (value.size() > 1000 && i > 20) break;  // large enough a few times
    }
    REQUIRE(Text(cache.Write(batch)) == "ok");
    CheckHas(cache, model);
  }
  // By a prefix whose next one has no byte left, and by ranges that begin and end with nothing.
  const std::string last(1, '\xff');
  const auto of_last = Scanned(cache, {.prefix = last});
  CHECK((of_last.size() == 1 && of_last[0].first == last));
  REQUIRE(Text(cache.DeleteRange("", "")) == "ok");
  CheckHas(cache, model);
  REQUIRE(Text(cache.DeleteRange(std::string(1, '\0'), last)) == "ok");
  REQUIRE(Text(cache.Delete("")) == "ok");
  CHECK(Scanned(cache, {}) == of_last);
  CHECK(Look(cache, "") == kAbsent);
  CHECK(Look(cache, keys[3]) == kAbsent);
}

TEST_CASE("keys and values of any bytes, from none to 64 KiB and 1 MiB, for any store and tier") {
  for (const bool rocksdb : {false, true}) {
    for (const std::uint64_t capacity : {0U, 1U << 20, 1U << 26}) {
      CAPTURE(rocksdb);
      CAPTURE(capacity);
      const TempFolder folder;
      const Options options = {.capacity = capacity, .cache_absent = true};
      auto cache = Cache::Open(options, rocksdb ? MustOpen(folder / "db") : MakeMemoryStore());
      REQUIRE(cache);
      Play(**cache);
    }
  }
}

TEST_CASE("keys as long as the tier takes them, and longer ones, which it serves uncached") {
  constexpr std::size_t kMost = (std::size_t{1} << 24) - 1;
  const std::string longest(kMost, 'k');
  const Options options = {.capacity = std::uint64_t{256} << 20};
  auto cache = Cache::Open(options, MakeMemoryStore());
  REQUIRE(cache);
  for (const std::string more : {"", "k", "kk"}) {
    const std::string key = longest + more;
    REQUIRE(Text((*cache)->Put(key, "v" + more)) == "ok");
  }
  for (const std::string more : {"", "k", "kk"}) {
    CAPTURE(more);
    const std::string key = longest + more;
    CHECK(Look(**cache, key) == "v" + more + (more.empty() ? ", hit" : ", read"));
    CHECK(Look(**cache, key) == "v" + more + (more.empty() ? ", hit" : ", read"));
  }
  REQUIRE(Text((*cache)->Delete(longest + "k")) == "ok");
  CHECK(Look(**cache, longest + "k") == kAbsent);
  CHECK(Look(**cache, longest) == "v, hit");
}

}  // namespace
}  // namespace kvcache::testing
