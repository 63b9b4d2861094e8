// BucketMemory: which tables lie side by side, and when memory goes back to the system.
#include "tier/buckets.h"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "base/pages.h"

namespace kvcache {
namespace {

// So many of the buckets' pages are in memory; -1 when none is mapped there.
int PagesOf(const Buckets* buckets, std::size_t bytes) {
  std::vector<unsigned char> in_memory(bytes / kPageSize);
  void* begin = const_cast<Buckets*>(buckets);
  if (mincore(begin, bytes, in_memory.data()) != 0) return -1;
  return static_cast<int>(std::ranges::count(in_memory, 1));
}

void Fill(Buckets& buckets) {
  for (std::size_t i = 0; i < buckets.count * 8; ++i) buckets.slots[i] = i;
}

bool AllZero(const Buckets& buckets) {
  return std::all_of(buckets.slots, buckets.slots + buckets.count * 8,
                     [](const auto& slot) { return slot == 0; });
}

TEST_CASE("buckets: tables of about one size lie side by side") {
  BucketMemory memory(4);
  Buckets* first = memory.Take(2, 1000);
  CHECK(first->count == 1000);
  CHECK(first->bytes % kPageSize == 0);
  CHECK(first->bytes >= 1000 * 64);
  const auto* at = reinterpret_cast<const char*>(first);
  for (const auto& [table, count] : {std::pair{3, 1000}, std::pair{0, 1125}, std::pair{1, 900}}) {
    Buckets* other = memory.Take(static_cast<std::size_t>(table), static_cast<std::size_t>(count));
    CHECK(other->count == 1000);
    CHECK(reinterpret_cast<const char*>(other) ==
          at + (table - 2) * static_cast<std::ptrdiff_t>(first->bytes));
    memory.GiveBack(other);
  }
  memory.GiveBack(first);
}

TEST_CASE("buckets: a table that wants another size gets what it wants") {
  BucketMemory memory(2);
  Buckets* first = memory.Take(0, 800);
  Buckets* larger = memory.Take(1, 1600);
  CHECK(larger->count == 1600);
  memory.GiveBack(larger);
  Buckets* smaller = memory.Take(1, 500);
  CHECK(smaller->count == 500);
  memory.GiveBack(smaller);
  memory.GiveBack(first);
}

TEST_CASE("buckets: what a table takes is empty, though it had as many before and filled them") {
  BucketMemory memory(2);
  Buckets* old = memory.Take(0, 100);
  Buckets* others = memory.Take(1, 100);
  Fill(*old);
  Fill(*others);
  Buckets* now = memory.Take(0, 100);
  REQUIRE(now != old);
  CHECK(AllZero(*now));
  memory.GiveBack(old);
  Buckets* again = memory.Take(0, 100);
  CHECK(AllZero(*again));
  CHECK_FALSE(AllZero(*others));
  for (Buckets* buckets : {others, now, again}) memory.GiveBack(buckets);
}

TEST_CASE(
    "buckets: memory that is given back leaves at once, its addresses with the last table's") {
  BucketMemory memory(2);
  Buckets* first = memory.Take(0, 10000);
  Buckets* second = memory.Take(1, 10000);
  Fill(*first);
  Fill(*second);
  const std::size_t bytes = first->bytes;
  const int pages = static_cast<int>(bytes / kPageSize);
  CHECK(PagesOf(first, bytes) == pages);
  memory.GiveBack(first);
  CHECK(PagesOf(first, bytes) == 0);
  CHECK(PagesOf(second, bytes) == pages);
  memory.GiveBack(second);
  CHECK(PagesOf(second, bytes) == -1);
}

}  // namespace
}  // namespace kvcache
