// Arguments of the programs that crash databases: numbers after flags, and words.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace kvcache::testing {

// Takes the flags in `numbers`, which has their defaults; what else there is are words, of which
// there must be `words`. Otherwise says how it is called and ends the process.
inline std::vector<std::string> ParseArguments(int argc, char** argv, const char* usage,
                                               std::size_t words,
                                               std::map<std::string, std::uint64_t>& numbers) {
  std::vector<std::string> others;
  bool wrong = false;
  for (int i = 1; i < argc; ++i) {
    const auto flag = numbers.find(argv[i]);
    if (flag == numbers.end()) {
      others.emplace_back(argv[i]);
      continue;
    }
    char* end = nullptr;
    const char* text = ++i < argc ? argv[i] : "";
    flag->second = std::strtoull(text, &end, 10);
    wrong = wrong || *text == '\0' || *end != '\0';
  }
  if (wrong || others.size() != words) {
    std::fprintf(stderr, "usage: %s %s\n", argv[0], usage);
    std::exit(2);
  }
  return others;
}

}  // namespace kvcache::testing
