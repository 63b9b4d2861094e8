// Every file of data/fuzz through its target: what fuzzing has found, and what it has learned.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "fuzz/target.h"

namespace kvcache::testing {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("no input of data/fuzz breaks a promise of its target") {
  const std::filesystem::path folder = std::filesystem::path(KVCACHE_SOURCE_DIR) / "data" / "fuzz";
  std::set<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_directory()) folders.insert(entry.path().filename().string());
  }
  for (const FuzzTarget& target : FuzzTargets()) {
    CAPTURE(target.name);
    CHECK_NOTHROW(target.run(""));
    REQUIRE(folders.erase(std::string(target.name)) == 1);
    for (const auto& file : std::filesystem::directory_iterator(folder / target.name)) {
      CAPTURE(file.path().string());
      const std::string input = ReadFile(file.path());
      CHECK_NOTHROW(target.run(input));
    }
  }
  CHECK_MESSAGE(folders.empty(), "a folder of data/fuzz without a target: " << *folders.begin());
}

}  // namespace
}  // namespace kvcache::testing
