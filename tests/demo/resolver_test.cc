#include "demo/resolver.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "demo/control.h"
#include "kvcache/cache.h"
#include "kvcache/memory_store.h"

namespace demo {
namespace {

using Names = std::vector<std::string>;

// A cache over an index of these records.
std::unique_ptr<kvcache::Cache> Index(
    const std::vector<std::pair<std::string, std::string>>& records) {
  auto cache = kvcache::Cache::Open({.capacity = 0}, kvcache::MakeMemoryStore());
  REQUIRE(cache.has_value());
  for (const auto& [key, value] : records) REQUIRE((*cache)->Put(key, value).has_value());
  return *std::move(cache);
}

Names ClosureOf(kvcache::Cache& cache, const std::string& package) {
  auto closure = Resolver(cache).Closure(package);
  REQUIRE(closure.has_value());
  return *std::move(closure);
}

TEST_CASE("a field is found by its whole name, with its continuation lines") {
  const std::string record =
      "Package: vim\nPre-Depends: dpkg\nDepends: a,\n b\nDescription: Depends: none\nTag:\n x::y";
  CHECK(Field(record, "Package") == "vim");
  CHECK(Field(record, "Depends") == "a,\n b");
  CHECK(Field(record, "Tag") == "\n x::y");
  CHECK(Field(record, "Pre").empty());
  CHECK(Field(record, "Provides").empty());
  CHECK(Field("", "Package").empty());
}

TEST_CASE("a relation names its package without version, architecture and space") {
  CHECK(PackageName(" libc6:any (>= 2.36) [amd64]") == "libc6");
  CHECK(PackageName("\n libc6(>= 2.36)") == "libc6");
  CHECK(PackageName("g++") == "g++");
  CHECK(PackageName(" ").empty());
}

TEST_CASE("what packages need is followed through Pre-Depends and Depends, cycles too") {
  const auto cache = Index({{"a", "Package: a\nDepends: b (>= 1), c\nPre-Depends: d"},
                            {"b", "Package: b\nDepends: a, c:any"},
                            {"c", "Package: c"},
                            {"d", "Package: d"},
                            {"e", "Package: e"}});
  CHECK(ClosureOf(*cache, "a") == Names{"a", "d", "b", "c"});
  CHECK(ClosureOf(*cache, "c") == Names{"c"});
}

TEST_CASE("of alternatives the first available is taken, a virtual one by its first provider") {
  const auto cache = Index({{"a", "Package: a\nDepends: gone | b | c, mta, nobody"},
                            {"b", "Package: b"},
                            {"c", "Package: c"},
                            {"exim4", "Package: exim4"},
                            {"postfix", "Package: postfix"},
                            {"provides:mta", "exim4 | postfix"}});
  CHECK(ClosureOf(*cache, "a") == Names{"a", "b", "exim4"});
  CHECK(ClosureOf(*cache, "mta") == Names{"exim4"});
  CHECK(ClosureOf(*cache, "nobody").empty());
}

}  // namespace
}  // namespace demo
