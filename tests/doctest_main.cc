// The main() of every suite.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "harness.h"

namespace kvcache::testing {
namespace {

constexpr std::uint64_t kDefaultSeed = 20260101;
constexpr int kSkipped = 77;  // SKIP_RETURN_CODE in tests/CMakeLists.txt

bool skipped = false;

}  // namespace

std::uint64_t Seed() {
  static const std::uint64_t seed = [] {
    const char* text = std::getenv("KVCACHE_TEST_SEED");
    return text == nullptr ? kDefaultSeed : std::stoull(text);
  }();
  return seed;
}

void Skip(std::string_view why) {
  std::cout << "skipped: " << why << '\n';
  skipped = true;
}

}  // namespace kvcache::testing

int main(int argc, char** argv) {
  using kvcache::testing::Seed;
  const int status = doctest::Context(argc, argv).run();
  if (status != 0) std::cout << "seed: run again with KVCACHE_TEST_SEED=" << Seed() << '\n';
  return status == 0 && kvcache::testing::skipped ? kvcache::testing::kSkipped : status;
}
