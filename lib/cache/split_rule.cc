#include "cache/split_rule.h"

#include <algorithm>
#include <cmath>

namespace kvcache {

void SplitRule::Add(Side side, const Evidence& evidence) {
  Evidence& sum = evidence_[side];
  sum.saved += evidence.saved;
  sum.noise += evidence.noise;
  sum.one = evidence.one;
  sum.entered_bytes += evidence.entered_bytes;
}

bool SplitRule::Decide() {
  if (Filling()) return false;
  if (to_fill_ > 0) {
    to_fill_ = 0;
    StartAnew();
    return false;
  }
  if (!Differ()) return false;
  const bool to_tier = evidence_[kTier].saved > evidence_[kBlocks].saved;
  StartAnew();
  return MoveTo(to_tier ? kTier : kBlocks);
}

void SplitRule::StartAnew() {
  evidence_ = {};
  next_look_ = kFirstLook;
}

// A side that nothing enters does not fill: then much has entered the other.
bool SplitRule::Filling() const {
  constexpr double kPatience = 4;
  return evidence_[grew_].entered_bytes < to_fill_ &&
         evidence_[1 - grew_].entered_bytes < kPatience * to_fill_;
}

// By more than chance explains, the one event included that either side may just have missed. Old
// evidence fades.
bool SplitRule::Differ() {
  constexpr double kMostEvents = 4096;
  constexpr double kDeviations = 3;
  constexpr double kWorthwhile = 0.1;
  const auto& [tier, blocks] = evidence_;
  const double sum = tier.saved + blocks.saved;
  const double noise = tier.noise + blocks.noise;
  const double events = noise == 0 ? 0 : sum * sum / noise;  // if all count the same
  if (events < next_look_) return false;
  next_look_ = std::min(events * 2, kMostEvents);
  const double chance = std::sqrt(noise + tier.one * tier.one + blocks.one * blocks.one);
  const double difference = std::abs(tier.saved - blocks.saved);
  if (difference > std::max(kDeviations * chance, kWorthwhile * sum)) return true;
  if (events >= kMostEvents) {
    for (Evidence& evidence : evidence_) {
      evidence.saved /= 2;
      evidence.noise /= 2;
    }
  }
  return false;
}

// Steps grow while they go one way and shrink, by more, where they turn.
bool SplitRule::MoveTo(Side side) {
  step_ = side == grew_ ? std::min(step_ * 3 / 2, budget_ / 8) : std::max(step_ / 2, budget_ / 128);
  grew_ = side;
  const std::uint64_t least = Least(budget_);
  const std::uint64_t before = tier_;
  tier_ = side == kTier ? std::min(tier_ + step_, budget_ - least)
                        : std::max(tier_, least + step_) - step_;
  to_fill_ = static_cast<double>(std::max(tier_, before) - std::min(tier_, before));
  return tier_ != before;
}

}  // namespace kvcache
