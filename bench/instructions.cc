// Hits to be counted by callgrind (bench/instructions.py), not timed: the same lookups each time,
// each kind in a function of its own name.
#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "support/requests.h"
#include "systems/kvcache_system.h"

namespace {

constexpr std::size_t kEntries = 2'000;
constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kBatch = 100;
constexpr std::size_t kRequests = std::size_t{1} << 14;

using bench::KvcacheSystem;
using bench::Requests;

}  // namespace

extern "C" {

[[gnu::noinline]] std::size_t CountGet(KvcacheSystem& system, const Requests& requests,
                                       std::size_t n) {
  std::size_t found = 0;
  std::string value;
  for (std::size_t i = 0; i < n; ++i) found += system.Get(requests[i], value);
  return found;
}

[[gnu::noinline]] std::size_t CountGetZeroCopy(KvcacheSystem& system, const Requests& requests,
                                               std::size_t n) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < n; ++i) found += system.GetZeroCopy(requests[i]);
  return found;
}

[[gnu::noinline]] std::size_t CountMultiGet(KvcacheSystem& system, const Requests& requests,
                                            std::size_t n) {
  std::size_t found = 0;
  std::array<std::string_view, kBatch> keys;
  for (std::size_t i = 0; i < n; i += kBatch) {
    for (std::size_t k = 0; k < kBatch; ++k) keys[k] = requests[i + k];
    found += system.MultiGet(keys);
  }
  return found;
}

}  // extern "C"

// POLICY LOOKUPS (a multiple of 100).
int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "Usage: instructions POLICY LOOKUPS\n");
    return 2;
  }
  const std::size_t n = std::stoul(argv[2]);
  KvcacheSystem system(argv[1], kEntries, kValueBytes);
  for (const std::uint32_t i : bench::Shuffled(kEntries)) {
    system.Put(bench::KeyOf(i), bench::ValueOf(i, kValueBytes));
  }
  const Requests requests(bench::Distribution::kZipf, kEntries, kRequests);
  const std::size_t found = CountGet(system, requests, n) + CountGetZeroCopy(system, requests, n) +
                            CountMultiGet(system, requests, n);
  if (found == 3 * n) return 0;
  std::fprintf(stderr, "keys were not found: this does not count hits\n");
  return 1;
}
