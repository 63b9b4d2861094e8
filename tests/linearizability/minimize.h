// What remains of a history that cannot be explained when all that has no part in it is left out.
#pragma once

#include <vector>

#include "linearizability/checker.h"

namespace kvcache::testing {

// `piece` is what `before` cannot explain. The result is what it cannot explain either, of one key
// if that is enough, and every linearizable whole of which it is a part would explain it: left out
// are reads, and writes that no read has seen.
std::vector<Operation> Minimize(const Checker& before, std::vector<Operation> piece);

}  // namespace kvcache::testing
