// SplitRule: where the next piece of a memory budget should go, to the memory tier or to the
// store's block cache.
//
// Each side tells what time it would have saved with `reach` bytes more: the tier by a ghost of
// what it has just evicted, the block cache by BlockWatch. That is AC-Key's idea (Wu et al., USENIX
// ATC '20), which moves memory at each such hit; here it moves when the sides differ by more than
// chance explains and than is worth a move, so that a balanced split stays where it is. What a side
// would lose by giving up as much is taken to be what it would gain: at the best split both are the
// same.
//
// After a move nothing is concluded until the side that grew has had time to fill.
#pragma once

#include <array>
#include <cstdint>

namespace kvcache {

// Not thread-safe.
class SplitRule {
 public:
  enum Side : std::uint8_t { kTier, kBlocks };

  struct Evidence {
    double saved = 0;  // nanoseconds that `reach` more would have saved
    double noise = 0;  // variance of that
    double one = 0;    // nanoseconds that a single event counts, whether there was one or not
    double entered_bytes = 0;  // what was loaded into the side
  };

  SplitRule(std::uint64_t budget, std::uint64_t tier) : budget_(budget), tier_(tier) {}

  static std::uint64_t Reach(std::uint64_t budget) { return budget / 16; }
  std::uint64_t reach() const { return Reach(budget_); }
  // The bytes that the tier should have.
  std::uint64_t tier() const { return tier_; }

  void Add(Side side, const Evidence& evidence);
  // True when tier() has changed.
  bool Decide();

  // Neither side gets less: it must be seen what it would do with more.
  static std::uint64_t Least(std::uint64_t budget) { return budget / 64; }

 private:
  static constexpr double kFirstLook = 32;

  bool Filling() const;
  bool Differ();
  void StartAnew();
  bool MoveTo(Side side);

  std::uint64_t budget_;
  std::uint64_t tier_;
  std::array<Evidence, 2> evidence_{};  // since the last conclusion
  double next_look_ = kFirstLook;  // in events: looking all the time would find what is not there
  Side grew_ = kTier;
  double to_fill_ = 0;  // bytes, after a move
  std::uint64_t step_ = budget_ / 16;
};

}  // namespace kvcache
