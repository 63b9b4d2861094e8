// What a package needs, by the lookups that apt would make.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "kvcache/cache.h"

namespace demo {

// Before a virtual package's name, in the key of the record that lists who provides it.
inline constexpr std::string_view kProvides = "provides:";

// Reads a package index from a cache in which
//   "vim"                          is the control record of package vim,
//   "provides:mail-transport-agent" lists who provides a virtual package: "exim4 | postfix | ...".
//
// Not thread-safe: one a thread, over the same cache.
class Resolver {
 public:
  explicit Resolver(kvcache::Cache& cache) : cache_(cache) {}

  // The package and, through Pre-Depends and Depends, all that it needs; in the order found.
  // Of alternatives the first available one is taken. What no package meets is left out.
  kvcache::Result<std::vector<std::string>> Closure(std::string_view package);

 private:
  kvcache::Result<bool> MeetAny(std::string_view alternatives);
  kvcache::Result<bool> Meet(std::string_view name);
  kvcache::Result<bool> MeetVirtual(std::string_view name);

  kvcache::Cache& cache_;
  std::deque<std::string> relations_;         // read so far; names below are views into them
  std::unordered_set<std::string_view> met_;  // packages chosen, virtual ones too
  std::vector<std::string> closure_;
};

}  // namespace demo
