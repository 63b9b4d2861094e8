// A bound on what any cache can hit when objects differ in size, for which no rule is known that is
// both exact and quick: PFOO-L (Berger, Beckmann, Harchol-Balter, SIGMETRICS 2018, "Practical
// bounds on optimal caching with variable object sizes"). To hit a request, a cache must have kept
// its object since the one before, which takes the object's size for so many requests. A cache of C
// bytes has C times the trace's length of that to give: what hits can be had for it if the cheapest
// are taken, wherever they lie in the trace, no cache exceeds.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvcache {

// Costs are kept in buckets 1/128 wide, each of which counts as the least of its costs, so that
// memory is constant and the bound still one. Not thread-safe.
class OptBound {
 public:
  // An object was asked for again, so many requests after the last time. `kept`: the bytes that it
  // takes of a cache, `served`: those that a hit is worth.
  void AddReuse(std::uint64_t kept, std::uint64_t distance, std::uint64_t served) {
    const double cost = static_cast<double>(kept) * static_cast<double>(distance);
    by_request_.Add(cost, cost, 1);
    // For bytes, what a served byte costs decides.
    if (served != 0) by_byte_.Add(cost / static_cast<double>(served), cost, served);
  }

  // No cache of so many bytes hits more of that many requests, or serves more bytes.
  std::uint64_t MostHits(std::uint64_t capacity, std::uint64_t requests) const {
    return by_request_.Most(Budget(capacity, requests));
  }
  std::uint64_t MostHitBytes(std::uint64_t capacity, std::uint64_t requests) const {
    return by_byte_.Most(Budget(capacity, requests));
  }

 private:
  static double Budget(std::uint64_t capacity, std::uint64_t requests) {
    return static_cast<double>(capacity) * static_cast<double>(requests);
  }

  // Things to buy, the cheapest for their worth first.
  class Market {
   public:
    void Add(double price, double cost, std::uint64_t worth) {
      const std::size_t number = Number(price);
      if (number >= buckets_.size()) buckets_.resize(number + 1);
      Bucket& bucket = buckets_[number];
      bucket.cost += cost;
      bucket.worth += worth;
    }
    std::uint64_t Most(double budget) const {
      std::uint64_t bought = 0;
      for (std::size_t number = 0; number < buckets_.size(); ++number) {
        const Bucket& bucket = buckets_[number];
        const double least_price = Least(number);
        // Of the last bucket that can be afforded only a part, at its least price.
        if (bucket.cost > budget) {
          const auto whole = static_cast<double>(bucket.worth);
          const double part = least_price > 0 ? budget / least_price : whole;
          return bought + (part < whole ? static_cast<std::uint64_t>(part) : bucket.worth);
        }
        budget -= bucket.cost;
        bought += bucket.worth;
      }
      return bought;
    }

   private:
    struct Bucket {
      double cost = 0;
      std::uint64_t worth = 0;  // exact, as it is taken from what was asked for
    };
    // All of a price's bits but the 45 lowest of its mantissa, whose order is that of prices;
    // counted from those of the least price that is told from nothing.
    static constexpr unsigned kDropped = 45;
    static constexpr std::uint64_t kFirst = std::bit_cast<std::uint64_t>(0x1p-40) >> kDropped;
    static std::size_t Number(double price) {
      return std::max(std::bit_cast<std::uint64_t>(price) >> kDropped, kFirst) - kFirst;
    }
    static double Least(std::size_t number) {
      return number == 0 ? 0 : std::bit_cast<double>((number + kFirst) << kDropped);
    }

    std::vector<Bucket> buckets_;
  };

  Market by_request_;
  Market by_byte_;
};

}  // namespace kvcache
