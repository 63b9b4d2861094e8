// Miss ratio curves: sizes, sampled and exact curves, and how the former are corrected.
#include "simulate/miss_ratio_curve.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness.h"
#include "support/random_trace.h"
#include "support/sanitizers.h"
#include "support/simulations.h"

namespace kvcache::testing {
namespace {

using Sizes = std::vector<std::uint64_t>;
using Ratios = std::vector<double>;

void CheckEqual(const Ratios& found, const Ratios& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(found[i] == doctest::Approx(expected[i]));
  }
}

std::vector<std::optional<PolicySpec>> SpecsOf(const std::vector<std::string>& policies) {
  std::vector<std::optional<PolicySpec>> specs;
  for (const std::string& policy : policies) specs.push_back(SpecOf(policy));
  return specs;
}

TEST_CASE("logarithmic sizes: in equal ratios, both ends among them, none twice") {
  CHECK(LogarithmicSizes(1, 1000, 4) == Sizes{1, 10, 100, 1000});
  CHECK(LogarithmicSizes(1, 4, 100) == Sizes{1, 2, 3, 4});
  CHECK(LogarithmicSizes(7, 7, 5) == Sizes{7});
  CHECK(LogarithmicSizes(10, 1000, 1) == Sizes{1000});
  CHECK(LogarithmicSizes(10, 1000, 0).empty());
  const Sizes many = LogarithmicSizes(30, 987654321, 100);
  CHECK(many.size() == 100);
  CHECK(many.front() == 30);
  CHECK(many.back() == 987654321);
  CHECK(std::ranges::is_sorted(many, std::less_equal()));
}

SimulatedCounts Counts(std::uint64_t misses, std::uint64_t missed_bytes) {
  return {.requests = 10, .misses = misses, .bytes = 100, .missed_bytes = missed_bytes};
}

TEST_CASE("a curve is corrected by what it is off at anchors, and in between in proportion") {
  const MissRatioCurve sampled{{1, 0.8, 0.6, 0.4, 0.2}, {0.9, 0.7, 0.5, 0.3, 0.1}};
  const std::vector<CurveAnchor> anchors = {{0, Counts(9, 90)}, {2, Counts(7, 90)}};

  MissRatioCurve curve = sampled;
  // Off by -0.1 and 0.1, and by nothing at the last size. The neighbours predict 0.1, -0.05, 0.1.
  CHECK(CorrectCurve(curve, anchors, true) == doctest::Approx((0.2 + 0.15 + 0.1) / 2 / 3));
  CheckEqual(curve.miss_ratios, {0.9, 0.8, 0.7, 0.45, 0.2});
  CheckEqual(curve.byte_miss_ratios, {0.9, 0.9, 0.9, 0.5, 0.1});

  curve = sampled;
  CHECK(CorrectCurve(curve, anchors, false) == doctest::Approx(0.1));
  CheckEqual(curve.miss_ratios, {0.9, 0.8, 0.7, 0.5, 0.3});
  CheckEqual(curve.byte_miss_ratios, {0.9, 0.9, 0.9, 0.7, 0.5});
}

TEST_CASE("corrections below the first anchor and beyond the last, and their limits") {
  const MissRatioCurve sampled{{1, 0.8, 0.6, 0.4, 0.1}, {1, 0.8, 0.6, 0.4, 0.1}};
  MissRatioCurve curve = sampled;
  CHECK(CorrectCurve(curve, std::vector<CurveAnchor>{{2, Counts(9, 30)}}, false) == 0);
  CheckEqual(curve.miss_ratios, {1, 1, 0.9, 0.7, 0.4});
  CheckEqual(curve.byte_miss_ratios, {0.7, 0.5, 0.3, 0.1, 0});
  curve = sampled;
  // An anchor at the last size counts as it is.
  CHECK(CorrectCurve(curve, std::vector<CurveAnchor>{{4, Counts(2, 20)}}, true) == 0);
  CheckEqual(curve.miss_ratios, {1, 0.9, 0.7, 0.5, 0.2});
}

TEST_CASE("how far two curves are apart") {
  const MissRatioCurve a{{1, 0.5, 0.2}, {}};
  const MissRatioCurve b{{0.7, 0.5, 0.5}, {}};
  CHECK(MeanAbsoluteDifference(a, b) == doctest::Approx(0.2));
  CHECK(MeanAbsoluteDifference(a, a) == 0);
  CHECK(MeanAbsoluteDifference({}, {}) == 0);
}

// A trace of a few thousand keys, and what is asked of it.
struct CurveScene {
  TempFolder folder;
  std::string path = WriteTrace(folder, RandomTrace(Seed(), 30000, 2500));
  // With a sanitizer, of policies that are treated alike one.
  std::vector<std::string> names =
      kSanitized ? std::vector<std::string>{"lru", "sieve", "opt"} : AllPolicies();
  std::vector<std::optional<PolicySpec>> policies = SpecsOf(names);
  Sizes sizes;
  SampledTrace sample;

  explicit CurveScene(std::size_t samples) {
    auto sampled = SampleTrace(path, {}, SizeUnit::kObjects, samples, IgnoreProgress);
    REQUIRE_MESSAGE(sampled, Text(sampled.error()));
    sample = std::move(*sampled);
    sizes = LogarithmicSizes(60, sample.all_keys, 8);  // none too small for a sample of 400
  }
  std::vector<MissRatioCurve> Exact(unsigned threads = 2) const {
    auto exact = ExactCurves(path, {.threads = threads}, policies, sizes);
    REQUIRE_MESSAGE(exact, Text(exact.error()));
    return std::move(*exact);
  }
  EstimatedCurves Estimated(std::size_t anchors, unsigned threads = 2) const {
    auto curves = EstimateCurves(path, sample, {.threads = threads}, policies, sizes, anchors);
    REQUIRE_MESSAGE(curves, Text(curves.error()));
    return std::move(*curves);
  }
};

TEST_CASE("if all keys are in the sample its curves are the exact ones") {
  const CurveScene scene(100'000);
  const std::vector<MissRatioCurve> exact = scene.Exact();
  const EstimatedCurves estimated = scene.Estimated(4);
  const std::vector<MissRatioCurve> other_threads =
      SampledCurves(scene.sample, SizeUnit::kObjects, scene.policies, scene.sizes, 3);
  for (std::size_t i = 0; i < scene.names.size(); ++i) {
    CAPTURE(scene.names[i]);
    CheckEqual(estimated.curves[i].miss_ratios, exact[i].miss_ratios);
    CheckEqual(estimated.curves[i].byte_miss_ratios, exact[i].miss_ratios);
    CheckEqual(other_threads[i].miss_ratios, exact[i].miss_ratios);
    CHECK(estimated.likely_errors[i] == 0);
  }
}

TEST_CASE("where all objects are of one size a sample's byte miss ratios are its miss ratios") {
  const TempFolder folder;
  std::string lines;
  Random random(Seed());
  const Zipf zipf(2500, 0.99);
  for (int i = 0; i < 30'000; ++i) lines += std::to_string(zipf(random)) + ",100\n";
  const std::string path = WriteFile(folder, lines);
  const auto policies = SpecsOf({"lru", "s3-fifo", "opt"});
  for (const SizeUnit unit : {SizeUnit::kObjects, SizeUnit::kBytes}) {
    for (const std::size_t samples : {20U, 100U, 1000U, 10'000U}) {
      CAPTURE(samples);
      const auto sample = SampleTrace(path, {}, unit, samples, IgnoreProgress);
      REQUIRE(sample);
      const std::uint64_t all = unit == SizeUnit::kBytes ? sample->all_bytes : sample->all_keys;
      const Sizes sizes = LogarithmicSizes(all / 20, all, 5);
      for (const MissRatioCurve& curve : SampledCurves(*sample, unit, policies, sizes, 2)) {
        CheckEqual(curve.byte_miss_ratios, curve.miss_ratios);
      }
    }
  }
}

TEST_CASE("lru's exact curve by stack distances is that of its simulations") {
  const CurveScene scene(100);
  const auto alone = ExactCurves(scene.path, {}, SpecsOf({"lru"}), scene.sizes);
  const auto beside = ExactCurves(scene.path, {}, SpecsOf({"lru", "fifo"}), scene.sizes);
  REQUIRE(alone);
  REQUIRE(beside);
  CheckEqual((*alone)[0].miss_ratios, (*beside)[0].miss_ratios);
}

TEST_CASE("exact curves of a part of a trace") {
  const CurveScene scene(100);
  const auto curves = [&](const std::vector<std::string>& policies, std::uint64_t requests) {
    auto exact = ExactCurves(scene.path, {.requests = requests}, SpecsOf(policies), scene.sizes);
    REQUIRE(exact);
    return std::move(*exact);
  };
  const std::uint64_t half = scene.sample.all_requests / 2;
  const std::vector<MissRatioCurve> beside = curves({"lru", "opt"}, half);
  CHECK(beside[0].miss_ratios.back() > curves({"lru"}, 2 * half)[0].miss_ratios.back());
  CheckEqual(curves({"lru"}, half)[0].miss_ratios, beside[0].miss_ratios);
  CheckEqual(curves({"opt"}, half)[0].miss_ratios, beside[1].miss_ratios);
}

TEST_CASE("estimated curves are exact at the anchors, and those of lru and opt are left alone") {
  const CurveScene scene(400);
  const std::vector<MissRatioCurve> exact = scene.Exact();
  const auto sampled =
      SampledCurves(scene.sample, SizeUnit::kObjects, scene.policies, scene.sizes, 2);
  const auto chance =
      SamplingErrors(scene.sample, SizeUnit::kObjects, scene.policies, scene.sizes, 2);
  for (const std::size_t anchors : {0U, 1U, 2U, 4U, 8U, 1000U}) {
    CAPTURE(anchors);
    const EstimatedCurves estimated = scene.Estimated(anchors);
    const std::size_t taken = std::min(anchors, scene.sizes.size());
    for (std::size_t i = 0; i < scene.names.size(); ++i) {
      CAPTURE(scene.names[i]);
      const MissRatioCurve& curve = estimated.curves[i];
      if (scene.names[i] == "lru" || scene.names[i] == "opt" || anchors == 0) {
        CheckEqual(curve.miss_ratios, sampled[i].miss_ratios);
        CHECK(estimated.likely_errors[i] == chance[i]);
        continue;
      }
      for (std::size_t anchor = 0; anchor < taken; ++anchor) {
        const std::size_t at = anchor * scene.sizes.size() / taken;
        CAPTURE(at);
        CHECK(curve.miss_ratios[at] == doctest::Approx(exact[i].miss_ratios[at]));
        CHECK(curve.byte_miss_ratios[at] == doctest::Approx(exact[i].byte_miss_ratios[at]));
      }
      CHECK(MeanAbsoluteDifference(curve, exact[i]) < 0.1);
    }
  }
}

TEST_CASE("one anchor says nothing of its own error") {
  CurveScene scene(400);
  scene.sizes = LogarithmicSizes(60, scene.sample.all_keys / 3, 8);  // so that nothing converges
  const auto chance =
      SamplingErrors(scene.sample, SizeUnit::kObjects, scene.policies, scene.sizes, 2);
  CHECK(scene.Estimated(1).likely_errors == chance);
}

TEST_CASE("sizes too small for a sample: fewer than eight of the larger objects in small") {
  SampledTrace sample;
  sample.rate = 0.1;
  for (std::uint64_t i = 0; i < 1000; ++i) sample.requests.push_back({i, 10});
  const Sizes sizes = {1, 79, 80, 800, 8000, 80'000};
  CHECK(SizesTooSmall(sample, SizeUnit::kObjects, sizes) == 2);
  CHECK(SizesTooSmall(sample, SizeUnit::kBytes, sizes) == 3);
  sample.requests.push_back({1000, 90});  // less than a hundredth of all bytes
  CHECK(SizesTooSmall(sample, SizeUnit::kBytes, sizes) == 3);
  sample.requests.push_back({1000, 100});
  CHECK(SizesTooSmall(sample, SizeUnit::kBytes, sizes) == 4);
  sample.requests.push_back({1000, 1'000'000});
  CHECK(SizesTooSmall(sample, SizeUnit::kBytes, sizes) == sizes.size());
  sample.rate = 1;
  CHECK(SizesTooSmall(sample, SizeUnit::kBytes, sizes) == 0);
}

TEST_CASE(
    "where a few objects are large, curves in bytes are exact at sizes too small for a sample") {
  const TempFolder folder;
  std::string lines;
  for (const std::uint32_t key : RandomTrace(Seed(), 30'000, 2500)) {
    lines += std::to_string(key) + (key % 20 == 0 ? ",200000\n" : ",500\n");
  }
  const std::string path = WriteFile(folder, lines);
  const SimulationOptions options = {.sizes = SizeUnit::kBytes, .threads = 2};
  const auto sample = SampleTrace(path, {}, SizeUnit::kBytes, 400, IgnoreProgress);
  REQUIRE(sample);
  const Sizes sizes = LogarithmicSizes(sample->all_bytes / 1000, sample->all_bytes, 12);
  const std::size_t small = SizesTooSmall(*sample, SizeUnit::kBytes, sizes);
  REQUIRE(small > 4);
  REQUIRE(small < sizes.size());
  const std::vector<std::string> names = {"lru", "s3-fifo", "opt"};
  const auto exact = ExactCurves(path, options, SpecsOf(names), sizes);
  REQUIRE(exact);
  for (const std::size_t anchors : {0U, 4U}) {
    const auto estimated = EstimateCurves(path, *sample, options, SpecsOf(names), sizes, anchors);
    REQUIRE(estimated);
    for (std::size_t i = 0; i < names.size(); ++i) {
      CAPTURE(names[i]);
      const MissRatioCurve& curve = estimated->curves[i];
      REQUIRE(curve.miss_ratios.size() == sizes.size());
      REQUIRE(curve.byte_miss_ratios.size() == sizes.size());
      for (std::size_t size = 0; size < small; ++size) {
        CHECK(curve.miss_ratios[size] == (*exact)[i].miss_ratios[size]);
        CHECK(curve.byte_miss_ratios[size] == (*exact)[i].byte_miss_ratios[size]);
      }
      CHECK(MeanAbsoluteDifference(curve, (*exact)[i]) < 0.03);
      CHECK(estimated->likely_errors[i] > 0);
    }
  }
}

TEST_CASE("policies' bytes in a tier: an order, and what is remembered of those that left") {
  std::string lines;
  for (int i = 0; i < 4; ++i) {
    for (int key = 1; key < 20'000; ++key) {
      lines += std::to_string(key) + "\n";
      // A tier that hits nothing hardly caches anything.
      if (key % 100 == 0) lines += "hot\n";
    }
  }
  const TempFolder folder;
  const std::string path = WriteFile(folder, lines);
  const auto sample = SampleTrace(path, {}, SizeUnit::kObjects, 100'000, IgnoreProgress);
  REQUIRE(sample);
  const Sizes sizes = {10, 5000, 20'000};
  const auto policies = SpecsOf({"lru", "lru-k:k=2", "s3-fifo", "opt"});
  const auto bytes = PolicyBytesInTier(*sample, SizeUnit::kObjects, policies, sizes, 2);
  REQUIRE(bytes.size() == 4);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(bytes[i][0] == bytes[i][1]);  // ten entries tell nothing
  CHECK(bytes[0][1] == doctest::Approx(17).epsilon(0.1));
  CHECK(bytes[0][2] == doctest::Approx(17).epsilon(0.1));
  CHECK(bytes[1][1] > bytes[1][2] + 14);  // a history
  CHECK(bytes[2][1] > bytes[2][2] + 4);   // ghosts, five or six bytes each
  CHECK(bytes[2][1] < bytes[2][2] + 8);
  CHECK(bytes[3] == std::vector<double>(3, kOrderBytes));
}

TEST_CASE("curves in bytes") {
  const TempFolder folder;
  // lru of 40 bytes misses 5 of 6 requests and 90 of 100 bytes.
  const std::string path = WriteFile(folder, "a,10\nb,20\na,10\nc,30\nb,20\na,10\n");
  const std::vector<std::optional<PolicySpec>> lru = SpecsOf({"lru"});
  const auto sample = SampleTrace(path, {}, SizeUnit::kBytes, 100, IgnoreProgress);
  REQUIRE(sample);
  const Sizes sizes = {9, 40, 60};
  const auto exact = ExactCurves(path, {.sizes = SizeUnit::kBytes}, lru, sizes);
  REQUIRE(exact);
  for (const MissRatioCurve& curve :
       {(*exact)[0], SampledCurves(*sample, SizeUnit::kBytes, lru, sizes, 1)[0]}) {
    CheckEqual(curve.miss_ratios, {1, 5 / 6.0, 0.5});
    CheckEqual(curve.byte_miss_ratios, {1, 0.9, 0.6});
  }
}

TEST_CASE("where objects are counted their bytes are told all the same") {
  const TempFolder folder;
  const std::string path = WriteFile(folder, "a,10\nb,20\na,10\nc,30\nb,20\na,10\n");
  const auto sample = SampleTrace(path, {}, SizeUnit::kObjects, 100, IgnoreProgress);
  REQUIRE(sample);
  const std::vector<std::optional<PolicySpec>> lru = SpecsOf({"lru"});
  const Sizes sizes = {1, 2, 3};
  const auto alone = ExactCurves(path, {}, lru, sizes);
  const auto beside = ExactCurves(path, {}, SpecsOf({"lru", "fifo"}), sizes);
  REQUIRE(alone);
  REQUIRE(beside);
  for (const MissRatioCurve& curve :
       {(*alone)[0], (*beside)[0], SampledCurves(*sample, SizeUnit::kObjects, lru, sizes, 1)[0]}) {
    CheckEqual(curve.miss_ratios, {1, 5 / 6.0, 0.5});
    CheckEqual(curve.byte_miss_ratios, {1, 0.9, 0.6});
  }
}

TEST_CASE("curves of a malformed trace are errors") {
  const TempFolder folder;
  const CurveScene scene(400);
  const std::string bad = WriteFile(folder, "1\n2\n3,99999999999999999999999\n");
  CHECK(!ExactCurves(bad, {}, scene.policies, scene.sizes));
  CHECK(!ExactCurves(bad, {}, SpecsOf({"lru"}), scene.sizes));
  CHECK(!EstimateCurves(bad, scene.sample, {.threads = 3}, scene.policies, scene.sizes, 4));
}

}  // namespace
}  // namespace kvcache::testing
