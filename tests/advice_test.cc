// Advice: sizes for hit ratios and hit ratios for sizes, on curves made by hand.
#include "simulate/advice.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace kvcache {
namespace {

using doctest::Approx;

const std::vector<std::uint64_t> kSizes = {100, 1000, 10'000};

PolicyOutlook Outlook(double likely_error = 0, double cost = 1) {
  return {"lru", {0.2, 0.5, 0.8}, likely_error, cost};
}

TEST_CASE("bytes for a hit ratio: between sizes in proportion to their logarithm") {
  CHECK(BytesFor(Outlook(), kSizes, 0.5)->bytes == Approx(1000));
  CHECK(BytesFor(Outlook(), kSizes, 0.8)->bytes == Approx(10'000));
  CHECK(BytesFor(Outlook(), kSizes, 0.35)->bytes == Approx(std::sqrt(100.0 * 1000)));
  CHECK(BytesFor(Outlook(), kSizes, 0.7)->bytes == Approx(1000 * std::pow(10, 2 / 3.0)));
  // The smallest size that was tried is the least that is named.
  CHECK(BytesFor(Outlook(), kSizes, 0.1)->bytes == Approx(100));
  CHECK(!BytesFor(Outlook(), kSizes, 0.81));
}

TEST_CASE("bytes for a hit ratio: the likely error widens them") {
  const auto need = BytesFor(Outlook(0.1), kSizes, 0.5);
  REQUIRE(need);
  CHECK(need->bytes == Approx(1000));
  CHECK(need->least == Approx(100 * std::pow(10, 2 / 3.0)));
  REQUIRE(need->most);
  CHECK(*need->most == Approx(1000 * std::pow(10, 1 / 3.0)));
  const auto near_the_end = BytesFor(Outlook(0.1), kSizes, 0.75);
  REQUIRE(near_the_end);
  CHECK(!near_the_end->most);
  const auto near_the_start = BytesFor(Outlook(0.3), kSizes, 0.3);
  REQUIRE(near_the_start);
  CHECK(near_the_start->least == Approx(100));
}

TEST_CASE("bytes for a hit ratio: what the policy keeps takes its share") {
  const auto need = BytesFor(Outlook(0.1, 1.5), kSizes, 0.5);
  REQUIRE(need);
  CHECK(need->bytes == Approx(1500));
  CHECK(need->least == Approx(150 * std::pow(10, 2 / 3.0)));
  CHECK(*need->most == Approx(1500 * std::pow(10, 1 / 3.0)));
}

TEST_CASE("bytes for a hit ratio: of a curve that falls again, the first size") {
  const PolicyOutlook outlook{"fifo", {0.2, 0.6, 0.5}, 0, 1};
  CHECK(BytesFor(outlook, kSizes, 0.6)->bytes == Approx(1000));
  CHECK(BytesFor(outlook, kSizes, 0.4)->bytes == Approx(std::sqrt(100.0 * 1000)));
  CHECK(!BytesFor(outlook, kSizes, 0.61));
}

TEST_CASE("the hit ratio of a size") {
  CHECK(HitRatioAt(Outlook(), kSizes, 1000) == Approx(0.5));
  CHECK(HitRatioAt(Outlook(), kSizes, std::sqrt(100.0 * 1000)) == Approx(0.35));
  CHECK(HitRatioAt(Outlook(), kSizes, 10'000) == Approx(0.8));
  CHECK(HitRatioAt(Outlook(), kSizes, 1e9) == Approx(0.8));
  // Below the first size, in proportion to the bytes.
  CHECK(HitRatioAt(Outlook(), kSizes, 100) == Approx(0.2));
  CHECK(HitRatioAt(Outlook(), kSizes, 50) == Approx(0.1));
  CHECK(HitRatioAt(Outlook(), kSizes, 0) == 0);
  CHECK(HitRatioAt(Outlook(0, 2), kSizes, 2000) == Approx(0.5));
}

TEST_CASE("bytes for a ratio and the ratio of these bytes are each other's inverse") {
  for (const double cost : {1.0, 1.3}) {
    for (double ratio = 0.2; ratio < 0.8; ratio += 0.05) {
      CAPTURE(ratio);
      const auto need = BytesFor(Outlook(0, cost), kSizes, ratio);
      REQUIRE(need);
      CHECK(HitRatioAt(Outlook(0, cost), kSizes, need->bytes) == Approx(ratio));
    }
  }
}

TEST_CASE("an outlook is a curve turned round, and the price of the policy's own memory") {
  const PolicyOutlook plain = MakeOutlook("lru", {{0.9, 0.25}, {}, kPlainPolicyBytes}, 0.02, 200);
  CHECK(plain.policy == "lru");
  CHECK(plain.hit_ratios == std::vector<double>{1 - 0.9, 0.75});
  CHECK(plain.likely_error == 0.02);
  CHECK(plain.cost == 1);
  CHECK(MakeOutlook("2q", {{0.9}, {}, kPlainPolicyBytes + 20}, 0, 200).cost == Approx(1.1));
  CHECK(MakeOutlook("clock", {{0.9}, {}, 1}, 0, 200).cost == 1);  // never less
}

}  // namespace
}  // namespace kvcache
