// Drift: what became of a figure that was taken once a round.
#pragma once

#include <cstddef>
#include <span>

namespace kvcache::soak {

// What stands for the figures of a part: of times the median, for some are far off; of memory the
// mean, for a store's goes up and down between a few sizes.
enum class Middle { kMedian, kMean };

struct Drift {
  double growth = 0;    // of the last third's middle over the first third's: 0.02 for 2 %
  double spread = 0;    // of the largest of the thirds' middles over the least
  bool rising = false;  // each sixth's middle is above that of the sixth before
};

// Fewer rounds than this say nothing.
inline constexpr std::size_t kFewestToJudge = 12;

// At least kFewestToJudge positive figures, in order.
Drift DriftOf(std::span<const double> figures, Middle middle);

// Flat within 2 %, up and down.
bool IsFlat(const Drift& drift);

// By more than a tenth, and without ever falling back: times also grow with what else the machine
// does, but that comes and goes.
bool GrowsSteadily(const Drift& drift);

}  // namespace kvcache::soak
