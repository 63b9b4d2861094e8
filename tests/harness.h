// What suites share beside doctest: the seed, and test cases that cannot run here.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvcache::testing {

// Seed of every random sequence of a suite: fixed, or the environment's KVCACHE_TEST_SEED. A run
// that fails prints it.
std::uint64_t Seed();

// For a test case that lacks what it needs (a program, a data set) and returns after this call:
// unless another case fails, ctest shows the suite as skipped.
void Skip(std::string_view why);

}  // namespace kvcache::testing
