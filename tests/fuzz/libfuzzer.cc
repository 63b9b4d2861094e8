// The entry points of libFuzzer. The environment's KVCACHE_FUZZ_TARGET names the target.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "fuzz/target.h"

namespace {

using kvcache::testing::FuzzTarget;

const FuzzTarget& Target() {
  const char* name = std::getenv("KVCACHE_FUZZ_TARGET");
  for (const FuzzTarget& target : kvcache::testing::FuzzTargets()) {
    if (name != nullptr && name == target.name) return target;
  }
  std::fputs("set KVCACHE_FUZZ_TARGET to one of", stderr);
  for (const FuzzTarget& target : kvcache::testing::FuzzTargets()) {
    std::fprintf(stderr, " %.*s", static_cast<int>(target.name.size()), target.name.data());
  }
  std::fputs("\n", stderr);
  std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FuzzTarget& target = Target();
  try {
    target.run({reinterpret_cast<const char*>(data), size});
  } catch (const std::exception& broken) {
    std::fprintf(stderr, "finding: %s\n", broken.what());
    std::abort();
  }
  return 0;
}
