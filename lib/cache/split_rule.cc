#include "cache/split_rule.h"

#include <algorithm>
#include <cmath>

namespace kvcache {

void SplitRule::Add(Side side, const Evidence& evidence) {
  Evidence& sum = evidence_[side];
  sum.saved += evidence.saved;
  sum.noise += evidence.noise;
  sum.entered_bytes += evidence.entered_bytes;
}

bool SplitRule::Decide() {
  if (Filling()) return false;
  if (to_fill_ > 0) {
    to_fill_ = 0;
    evidence_ = {};
    return false;
  }
  if (!Differ()) return false;
  const bool to_tier = evidence_[kTier].saved > evidence_[kBlocks].saved;
  evidence_ = {};
  return MoveTo(to_tier ? kTier : kBlocks);
}

// A side that nothing enters does not fill: then much has entered the other.
bool SplitRule::Filling() const {
  constexpr double kPatience = 4;
  return evidence_[grew_].entered_bytes < to_fill_ &&
         evidence_[1 - grew_].entered_bytes < kPatience * to_fill_;
}

// By more than chance explains. Old evidence fades.
bool SplitRule::Differ() {
  constexpr double kLeastEvents = 16;
  constexpr double kMostEvents = 4096;
  constexpr double kDeviations = 3;
  const double noise = evidence_[kTier].noise + evidence_[kBlocks].noise;
  if (noise == 0) return false;
  const double sum = evidence_[kTier].saved + evidence_[kBlocks].saved;
  const double events = sum * sum / noise;  // if all weigh the same
  if (events < kLeastEvents) return false;
  const double difference = std::abs(evidence_[kTier].saved - evidence_[kBlocks].saved);
  if (difference > kDeviations * std::sqrt(noise)) return true;
  if (events > kMostEvents) {
    for (Evidence& evidence : evidence_) {
      evidence.saved /= 2;
      evidence.noise /= 2;
    }
  }
  return false;
}

// Steps grow while they go one way and shrink where they turn.
bool SplitRule::MoveTo(Side side) {
  step_ = side == grew_ ? std::min(step_ * 2, budget_ / 8) : std::max(step_ / 2, budget_ / 128);
  grew_ = side;
  const std::uint64_t least = Least(budget_);
  const std::uint64_t before = tier_;
  tier_ = side == kTier ? std::min(tier_ + step_, budget_ - least)
                        : std::max(tier_, least + step_) - step_;
  to_fill_ = static_cast<double>(std::max(tier_, before) - std::min(tier_, before));
  return tier_ != before;
}

}  // namespace kvcache
