// How often keys were used of late, approximately: a count-min sketch of 4-bit counters.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/pages.h"

namespace kvcache {

// TinyLFU's (Einziger, Friedman, Manes, TOS 2017): four counters a key, all in one cache line, of
// which the smallest is the estimate. After a number of additions in proportion to the cache's
// entries, at least to 256, all counters are halved, so that the past fades. Costs 8 to 16 bytes an
// entry of the cache, and a pass over all of them at each halving.
//
// Grows and shrinks by a factor of two without forgetting: the high bits of a key say where its
// line is, so that a line's two halves are where their keys look. Not thread-safe.
class FrequencySketch {
 public:
  static constexpr unsigned kMost = 15;

  // `sample`: additions an entry of the cache between two halvings.
  explicit FrequencySketch(unsigned sample) : sample_(sample) { words_.resize(kLeastWords); }

  // What the other functions name a key by.
  static std::uint32_t KeyOf(std::uint64_t hash) {
    return static_cast<std::uint32_t>((hash * 0x9e3779b97f4a7c15) >> 32);
  }

  std::size_t MemoryBytes() const { return words_.capacity_bytes(); }
  // So many entries are in the cache. Without memory for more counters, keys share those there are.
  void Fit(std::size_t entries) {
    entries_ = entries;
    if (entries > words_.size()) {
      try {
        Double();
      } catch (const std::bad_alloc&) {
        return;
      }
    }
    if (words_.size() > kLeastWords && entries < words_.size() / 4) Halve();
  }

  void Add(std::uint32_t key) {
    const std::size_t line = LineOf(key);
    const std::uint64_t counters = CountersOf(key);
    bool added = false;
    for (unsigned row = 0; row < kRows; ++row) {
      const unsigned counter = CounterOf(counters, row);
      std::uint64_t& word = WordOf(line, row, counter);
      const std::uint64_t one = std::uint64_t{1} << ShiftOf(counter);
      if ((word & (kMost * one)) == kMost * one) continue;
      word += one;
      added = true;
    }
    if (added && ++additions_ >= sample_ * std::max(entries_, kLeastWords)) Age();
  }

  unsigned Estimate(std::uint32_t key) const {
    const std::size_t line = LineOf(key);
    const std::uint64_t counters = CountersOf(key);
    unsigned least = kMost;
    for (unsigned row = 0; row < kRows; ++row) {
      const unsigned counter = CounterOf(counters, row);
      const std::uint64_t word = words_[WordNumber(line, row, counter)];
      least = std::min(least, static_cast<unsigned>(word >> ShiftOf(counter)) & kMost);
    }
    return least;
  }

 private:
  static constexpr unsigned kRows = 4;  // of 32 counters in a line
  static constexpr std::size_t kLineWords = 8;
  static constexpr std::size_t kLeastWords = 256;

  std::size_t LineOf(std::uint32_t key) const {
    return (std::uint64_t{key} * (words_.size() / kLineWords)) >> 32;
  }
  // Other bits than those that say where the line is.
  static std::uint64_t CountersOf(std::uint32_t key) {
    return (std::uint64_t{key} * 0xd6e8feb86659fd93) >> 40;
  }
  static unsigned CounterOf(std::uint64_t counters, unsigned row) {
    return static_cast<unsigned>(counters >> (5 * row)) & 31;
  }
  static unsigned ShiftOf(unsigned counter) { return 4 * (counter & 15); }
  static std::size_t WordNumber(std::size_t line, std::size_t row, unsigned counter) {
    return line * kLineWords + 2 * row + (counter >> 4);
  }
  std::uint64_t& WordOf(std::size_t line, unsigned row, unsigned counter) {
    return words_[WordNumber(line, row, counter)];
  }

  void Age() {
    constexpr std::uint64_t kLowBits = 0x7777777777777777;
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] = (words_[i] >> 1) & kLowBits;
    additions_ /= 2;
  }

  // Each line becomes two of the same counts.
  void Double() {
    const std::size_t lines = words_.size() / kLineWords;
    words_.resize(2 * words_.size());
    for (std::size_t line = lines; line-- > 0;) {
      for (std::size_t i = kLineWords; i-- > 0;) {
        const std::uint64_t word = words_[line * kLineWords + i];
        words_[2 * line * kLineWords + i] = words_[(2 * line + 1) * kLineWords + i] = word;
      }
    }
  }

  // Two lines become one of the larger counts.
  void Halve() {
    const std::size_t lines = words_.size() / kLineWords / 2;
    for (std::size_t line = 0; line < lines; ++line) {
      for (std::size_t i = 0; i < kLineWords; ++i) {
        words_[line * kLineWords + i] =
            Larger(words_[2 * line * kLineWords + i], words_[(2 * line + 1) * kLineWords + i]);
      }
    }
    words_.resize(lines * kLineWords);
    words_.shrink_to_fit();
  }

  // Of each of the 16 counters.
  static std::uint64_t Larger(std::uint64_t a, std::uint64_t b) {
    std::uint64_t larger = 0;
    for (unsigned shift = 0; shift < 64; shift += 4) {
      const std::uint64_t mask = std::uint64_t{kMost} << shift;
      larger |= std::max(a & mask, b & mask);
    }
    return larger;
  }

  const std::uint64_t sample_;
  PageVector<std::uint64_t> words_;
  std::size_t entries_ = 0;
  std::uint64_t additions_ = 0;
};

}  // namespace kvcache
