// Advice: sizes for hit ratios and hit ratios for sizes, on curves made by hand.
#include "simulate/advice.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace kvcache {
namespace {

using doctest::Approx;

PolicyOutlook Outlook(double likely_error = 0) {
  return {"lru", {100, 1000, 10'000}, {1, 10, 100}, {0.2, 0.5, 0.8}, likely_error};
}

TEST_CASE("bytes for a hit ratio: between sizes in proportion to their logarithm") {
  CHECK(BytesFor(Outlook(), 0.5)->bytes == Approx(1000));
  CHECK(BytesFor(Outlook(), 0.8)->bytes == Approx(10'000));
  CHECK(BytesFor(Outlook(), 0.35)->bytes == Approx(std::sqrt(100.0 * 1000)));
  CHECK(BytesFor(Outlook(), 0.7)->bytes == Approx(1000 * std::pow(10, 2 / 3.0)));
  // The smallest size that was tried is the least that is named.
  CHECK(BytesFor(Outlook(), 0.1)->bytes == Approx(100));
  CHECK(!BytesFor(Outlook(), 0.81));
}

TEST_CASE("bytes for a hit ratio: the likely error widens them") {
  const auto need = BytesFor(Outlook(0.1), 0.5);
  REQUIRE(need);
  CHECK(need->bytes == Approx(1000));
  CHECK(need->least == Approx(100 * std::pow(10, 2 / 3.0)));
  REQUIRE(need->most);
  CHECK(*need->most == Approx(1000 * std::pow(10, 1 / 3.0)));
  const auto near_the_end = BytesFor(Outlook(0.1), 0.75);
  REQUIRE(near_the_end);
  CHECK(!near_the_end->most);
  const auto near_the_start = BytesFor(Outlook(0.3), 0.3);
  REQUIRE(near_the_start);
  CHECK(near_the_start->least == Approx(100));
}

TEST_CASE("bytes for a hit ratio: of a curve that falls again, the size from which on it holds") {
  PolicyOutlook outlook = Outlook();
  outlook.hit_ratios = {0.2, 0.6, 0.5};
  CHECK(BytesFor(outlook, 0.4)->bytes == Approx(std::sqrt(100.0 * 1000)));
  CHECK(!BytesFor(outlook, 0.6));
  outlook = {"fifo", {1, 10, 100, 1000}, {1, 2, 3, 4}, {0.5, 0.86, 0.8, 0.9}, 0};
  CHECK(BytesFor(outlook, 0.85)->bytes == Approx(std::sqrt(100.0 * 1000)));
}

TEST_CASE("the hit ratio of a size") {
  CHECK(HitRatioAt(Outlook(), 1000) == Approx(0.5));
  CHECK(HitRatioAt(Outlook(), std::sqrt(100.0 * 1000)) == Approx(0.35));
  CHECK(HitRatioAt(Outlook(), 10'000) == Approx(0.8));
  CHECK(HitRatioAt(Outlook(), 1e9) == Approx(0.8));
  // Below the first size, in proportion to the bytes.
  CHECK(HitRatioAt(Outlook(), 100) == Approx(0.2));
  CHECK(HitRatioAt(Outlook(), 50) == Approx(0.1));
  CHECK(HitRatioAt(Outlook(), 0) == 0);
  CHECK(EntriesAt(Outlook(), std::sqrt(100.0 * 1000)) == Approx(5.5));
}

TEST_CASE("bytes for a ratio and the ratio of these bytes are each other's inverse") {
  for (double ratio = 0.2; ratio < 0.8; ratio += 0.05) {
    CAPTURE(ratio);
    const auto need = BytesFor(Outlook(), ratio);
    REQUIRE(need);
    CHECK(HitRatioAt(Outlook(), need->bytes) == Approx(ratio));
  }
}

TEST_CASE("an outlook is a curve turned round, in bytes that the policy's own memory is among") {
  using Values = std::vector<double>;
  const std::vector<std::uint64_t> sizes = {1000, 2000, 3000};
  const MissRatioCurve curve{{0.75, 0.5, 0.25}, {}};
  const auto outlook = [&](const Values& policy_bytes) {
    return MakeOutlook("2q", curve, 0.02, sizes, policy_bytes, 200);
  };
  const PolicyOutlook plain = outlook({16, 16, 16});
  CHECK(plain.policy == "2q");
  CHECK(plain.likely_error == 0.02);
  CHECK(plain.bytes == Values{1000, 2000, 3000});
  CHECK(plain.entries == Values{5, 10, 15});
  CHECK(plain.hit_ratios == Values{0.25, 0.5, 0.75});
  CHECK(outlook({36, 26, 6}).bytes == Values{1100, 2100, 2850});
  // A history that is all of the tier's memory but at the end, where all is resident.
  const PolicyOutlook steep = outlook({216, 216, 16});
  CHECK(steep.bytes == Values{2000, 3000});
  CHECK(steep.hit_ratios == Values{0.25, 0.75});
}

}  // namespace
}  // namespace kvcache
