// What the benchmark programs share: their command line and what they say about the machine.
#pragma once

#include <cstdint>
#include <functional>

namespace bench {

// Bytes of the values that benchmarks of hits have; those of misses have the first.
inline constexpr std::uint64_t kValueSizes[] = {100, 1024, 4096};

struct Sizes {
  // Entries in a working set.
  std::uint64_t entries = 1'000'000;
  // With larger values fewer, so that one system takes about this much at most.
  std::uint64_t most_bytes = std::uint64_t{1} << 30;

  std::uint64_t EntriesOf(std::uint64_t value_bytes) const;
};

// Has `end` called when all benchmarks have run and before main returns: what is static in a
// library may be gone when our own statics are destroyed.
void AtEnd(std::function<void()> end);

// Registers by `add`, then runs what Google Benchmark's flags select, beside ours (--entries,
// --most-bytes); repetitions interleaved unless told otherwise. Returns main's result.
int RunProgram(int argc, char** argv, const std::function<void(const Sizes&)>& add);

}  // namespace bench
