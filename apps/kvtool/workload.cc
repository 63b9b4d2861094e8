#include "workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <numeric>
#include <random>
#include <utility>

#include "base/hash.h"

namespace kvcache::kvtool {
namespace {

using Random = std::mt19937_64;

// SplitMix64's finalizer (Steele et al. 2014): a permutation of the 64-bit numbers.
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// In [0, 1).
double Fraction(Random& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

std::uint64_t Below(Random& random, std::uint64_t n) { return random() % n; }

// Ranks below n, rank r as often as 1 / (r + 1)^0.99 (Gray et al., SIGMOD 1994).
class Zipf {
 public:
  explicit Zipf(std::uint64_t n) : n_(static_cast<double>(n)) {
    for (std::uint64_t i = 1; i <= n; ++i) zeta_ += std::pow(static_cast<double>(i), -kExponent);
    eta_ = (1 - std::pow(2 / n_, 1 - kExponent)) / (1 - (1 + kHalf) / zeta_);
  }
  std::uint64_t operator()(Random& random) const {
    const double u = Fraction(random);
    if (u * zeta_ < 1) return 0;
    if (u * zeta_ < 1 + kHalf) return n_ > 1 ? 1 : 0;
    const double rank = n_ * std::pow(eta_ * u - eta_ + 1, 1 / (1 - kExponent));
    return static_cast<std::uint64_t>(std::min(rank, n_ - 1));
  }

 private:
  static constexpr double kExponent = 0.99;
  inline static const double kHalf = std::pow(0.5, kExponent);
  const double n_;
  double zeta_ = 0;
  double eta_ = 0;
};

// --- YCSB ---

// Shares of the operations; the rest reads, modifies and writes.
struct Shares {
  double read, update, insert, scan;
};

// Popular records have low numbers, or with `latest` high ones.
class Ycsb : public Workload {
 public:
  Ycsb(std::uint64_t records, ClientId client, std::uint64_t seed, const Shares& shares,
       bool latest)
      : records_(records),
        client_(client),
        random_(seed),
        zipf_(records),
        shares_(shares),
        latest_(latest) {}

  Request Next() override {
    const double dice = Fraction(random_);
    if (dice < shares_.read) return {.kind = Request::Kind::kRead, .record = Popular()};
    if (dice < shares_.read + shares_.update) {
      return {.kind = Request::Kind::kUpdate, .record = Popular()};
    }
    if (dice < shares_.read + shares_.update + shares_.insert) {
      return {.kind = Request::Kind::kInsert, .record = Insert()};
    }
    if (dice < shares_.read + shares_.update + shares_.insert + shares_.scan) {
      return {.kind = Request::Kind::kScan,
              .record = Popular(),
              .pairs = static_cast<std::uint32_t>(1 + Below(random_, kLongestScan))};
    }
    return {.kind = Request::Kind::kReadModifyWrite, .record = Popular()};
  }

 private:
  static constexpr std::uint64_t kLongestScan = 100;

  std::uint64_t Popular() {
    const std::uint64_t rank = zipf_(random_);
    return latest_ ? records_ + inserted_ * client_.threads - 1 - rank : rank;
  }
  std::uint64_t Insert() { return records_ + inserted_++ * client_.threads + client_.thread; }

  const std::uint64_t records_;
  const ClientId client_;
  Random random_;
  const Zipf zipf_;
  const Shares shares_;
  const bool latest_;
  std::uint64_t inserted_ = 0;
};

MakeWorkload MakeYcsb(const Shares& shares, bool latest = false) {
  return [shares, latest](std::uint64_t records, ClientId client, std::uint64_t seed) {
    return std::make_unique<Ycsb>(records, client, seed, shares, latest);
  };
}

// --- mixgraph ---

// Thirty ranges of keys, the popularity of range x as 14.18 e^(-2.917 x) + 0.0164 e^(-0.08082 x);
// in a range a power law.
class Mixgraph : public Workload {
 public:
  Mixgraph(std::uint64_t records, ClientId, std::uint64_t seed)
      : random_(seed), range_records_(std::max<std::uint64_t>(records / kRanges, 1)) {
    std::array<double, kRanges> weights;
    for (std::size_t i = 0; i < kRanges; ++i) {
      const auto x = static_cast<double>(i + 1);
      weights[i] = 14.18 * std::exp(-2.917 * x) + 0.0164 * std::exp(-0.08082 * x);
    }
    // Where popular ranges lie must not matter.
    std::ranges::shuffle(weights, Random(kRanges));
    range_ = std::discrete_distribution<std::uint64_t>(weights.begin(), weights.end());
  }

  Request Next() override {
    const std::uint64_t range = range_(random_);
    const double seed = std::ceil(std::pow(Fraction(random_) / 0.002312, 1 / 0.3467));
    const std::uint64_t record =
        range * range_records_ + Mix(static_cast<std::uint64_t>(seed)) % range_records_;
    const double dice = Fraction(random_);
    if (dice < 0.85) return {.kind = Request::Kind::kRead, .record = record};
    if (dice < 0.99) {
      return {.kind = Request::Kind::kUpdate,
              .record = record,
              .bytes = Pareto(0.2615, 25.45, kLongestValue)};
    }
    return {.kind = Request::Kind::kScan,
            .record = record,
            .pairs = Pareto(2.517, 14.236, kLongestScan)};
  }

 private:
  static constexpr std::size_t kRanges = 30;
  // As db_bench limits them.
  static constexpr std::uint32_t kLongestValue = 1024;
  static constexpr std::uint32_t kLongestScan = 10'000;

  // Generalized Pareto distribution with location 0.
  std::uint32_t Pareto(double k, double sigma, std::uint32_t most) {
    const double u = 1 - Fraction(random_);
    const double x = std::ceil(sigma * (std::pow(u, -k) - 1) / k);
    return static_cast<std::uint32_t>(std::clamp<double>(x, 1, most));
  }

  Random random_;
  const std::uint64_t range_records_;
  std::discrete_distribution<std::uint64_t> range_;
};

// --- Reads alone ---

class Uniform : public Workload {
 public:
  Uniform(std::uint64_t records, ClientId, std::uint64_t seed) : records_(records), random_(seed) {}
  Request Next() override { return {.record = Below(random_, records_)}; }

 private:
  const std::uint64_t records_;
  Random random_;
};

// All records in the order of their keys, again and again; threads begin apart.
class Sequential : public Workload {
 public:
  Sequential(std::uint64_t records, ClientId client, std::uint64_t)
      : records_(records), next_(records / client.threads * client.thread) {}
  Request Next() override { return {.record = next_++ % records_}; }

 private:
  const std::uint64_t records_;
  std::uint64_t next_;
};

// Nine of ten requests go to a hundredth of the records, which becomes another one after as many
// requests as a fifth of the records.
class Hotspot : public Workload {
 public:
  Hotspot(std::uint64_t records, ClientId client, std::uint64_t seed)
      : records_(records),
        hot_(std::max<std::uint64_t>(records / 100, 1)),
        period_(std::max<std::uint64_t>(records / 5 / client.threads, 1)),
        random_(seed) {}
  Request Next() override {
    const std::uint64_t start = count_++ / period_ * hot_;
    const bool hot = Fraction(random_) < 0.9;
    return {.record = (start + Below(random_, hot ? hot_ : records_)) % records_};
  }

 private:
  const std::uint64_t records_;
  const std::uint64_t hot_;
  const std::uint64_t period_;
  Random random_;
  std::uint64_t count_ = 0;
};

template <class T>
std::unique_ptr<Workload> Make(std::uint64_t records, ClientId client, std::uint64_t seed) {
  return std::make_unique<T>(records, client, seed);
}

}  // namespace

const std::vector<WorkloadInfo>& Workloads() {
  static const std::vector<WorkloadInfo> kWorkloads = {
      {"a", "YCSB: half reads, half updates, zipfian", false, MakeYcsb({0.5, 0.5, 0.0, 0.0})},
      {"b", "YCSB: 95 % reads, 5 % updates, zipfian", false, MakeYcsb({0.95, 0.05, 0.0, 0.0})},
      {"c", "YCSB: reads, zipfian", false, MakeYcsb({1.0, 0.0, 0.0, 0.0})},
      {"d", "YCSB: 95 % reads of what is new, 5 % insertions", false,
       MakeYcsb({0.95, 0.0, 0.05, 0.0}, true)},
      {"e", "YCSB: 95 % scans of 1 to 100 pairs, 5 % insertions", false,
       MakeYcsb({0.0, 0.0, 0.05, 0.95})},
      {"f", "YCSB: half reads, half read, modify and write, zipfian", false,
       MakeYcsb({0.5, 0.0, 0.0, 0.0})},
      {"uniform", "reads, every key as likely", false, Make<Uniform>},
      {"mixgraph", "a social graph: 85 % reads, 14 % updates, 1 % scans", true, Make<Mixgraph>},
      {"sequential", "reads of one key after the other", true, Make<Sequential>},
      {"hotspot", "90 % reads of 1 % of the keys, which change", false, Make<Hotspot>},
  };
  return kWorkloads;
}

const WorkloadInfo* FindWorkload(std::string_view name) {
  const auto found = std::ranges::find(Workloads(), name, &WorkloadInfo::name);
  return found == Workloads().end() ? nullptr : &*found;
}

std::string KeyOf(std::uint64_t record, bool ordered) {
  return fmt::format("{:016x}", ordered ? record : Mix(record + 1));
}

// Steps of the golden section spread what has come evenly at any time (Knuth, TAOCP 3, 6.4). Where
// step and number have no common divisor, all come before the first comes again.
LoadOrder::LoadOrder(std::uint64_t records)
    : records_(records),
      stride_(std::max<std::uint64_t>(
          static_cast<std::uint64_t>(static_cast<double>(records) * 0.6180339887), 1)) {
  while (std::gcd(stride_, records_) != 1) ++stride_;
}

void MakeValue(std::uint64_t record, std::size_t bytes, std::string& value) {
  value.clear();
  for (std::uint64_t word = Mix(record + 1); value.size() < bytes; word = Mix(word)) {
    fmt::format_to(std::back_inserter(value), "{:016x}", word);
  }
  value.resize(bytes);
}

void StampValue(std::uint64_t record, std::uint64_t version, std::span<char> value) {
  const std::uint64_t word = Mix(record ^ Mix(version));
  std::memcpy(value.data(), &word, std::min(sizeof word, value.size()));
}

}  // namespace kvcache::kvtool
