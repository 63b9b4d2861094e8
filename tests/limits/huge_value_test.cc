// A value of 1 GiB.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/pages.h"
#include "harness.h"
#include "kvcache/cache.h"
#include "support/proc.h"
#include "support/sanitizers.h"
#include "support/text.h"

namespace kvcache::testing {
namespace {

constexpr std::size_t kGiB = std::size_t{1} << 30;

// Bytes that are pages of zeros until they are written.
class Pages {
 public:
  explicit Pages(std::size_t size) : size_(size), bytes_(static_cast<char*>(MapPages(size))) {
    REQUIRE(bytes_ != nullptr);
  }
  ~Pages() { UnmapPages(bytes_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  char& operator[](std::size_t i) { return bytes_[i]; }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  const std::size_t size_;
  char* const bytes_;
};

// Has one value, whatever the key, and takes writes without keeping them: copies of 1 GiB are the
// cache's alone.
class OneValueStore final : public Store {
 public:
  explicit OneValueStore(std::string_view value) : value_(value) {}

  Result<bool> Get(std::string_view, const Receiver& receive) override {
    receive(value_);
    return true;
  }
  Result<void> Write(const Batch& batch, const WriteOptions&) override {
    CHECK(batch[0].value.size() == value_.size());
    return {};
  }
  Result<void> Put(std::string_view, std::string_view value, const WriteOptions&) override {
    CHECK(value.data() == value_.data());
    return {};
  }
  Result<void> Scan(const ScanOptions&, const ScanVisitor&) override { return {}; }

 private:
  const std::string_view value_;
};

bool HasMarks(std::string_view bytes, std::size_t size) {
  return bytes.size() == size && bytes.front() == 'a' && bytes[size / 2] == 'b' &&
         bytes.back() == 'c';
}

TEST_CASE("a value of 1 GiB is served by a small tier and cached by a large one") {
  if (kSanitized) return Skip("a GiB under a sanitizer takes several, and minutes");
  if (MachineBytes("MemAvailable") < 6 * kGiB) return Skip("less than 6 GiB of memory available");
  Pages value(kGiB);
  value[0] = 'a';
  value[kGiB / 2] = 'b';
  value[kGiB - 1] = 'c';
  const Options options = {.capacity = std::uint64_t{64} << 20, .shards = 1};
  auto cache = Cache::Open(options, std::make_unique<OneValueStore>(value.view()));
  REQUIRE(cache);
  {
    REQUIRE(Text((*cache)->Put("k", value.view())) == "ok");
    const auto served = (*cache)->Get("k");
    REQUIRE((served && *served));
    CHECK_FALSE((*served)->hit());
    CHECK(HasMarks(**served, kGiB));
    CHECK((*cache)->GetStats().total.entries == 0);
  }
  REQUIRE(Text((*cache)->SetCapacity(3 * kGiB)) == "ok");
  for (const bool hit : {false, true}) {
    const auto served = (*cache)->Get("k");
    REQUIRE((served && *served));
    CHECK((*served)->hit() == hit);
    CHECK(HasMarks(**served, kGiB));
  }
  CHECK((*cache)->GetStats().total.bytes > kGiB);

  // It gives way, and its memory goes back with the last who holds it.
  auto held = (*cache)->Get("k");
  REQUIRE(Text((*cache)->SetCapacity(0)) == "ok");
  CHECK((*cache)->GetStats().pinned_bytes > kGiB);
  CHECK(HasMarks(**held, kGiB));
  const std::uint64_t before = ResidentBytes();
  held->reset();
  CHECK((*cache)->GetStats().pinned_bytes == 0);
  CHECK(before - ResidentBytes() > kGiB / 2);
}

}  // namespace
}  // namespace kvcache::testing
