// What a database has after a crash, read in every way there is.
#pragma once

#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "kvcache/cache.h"
#include "support/text.h"
#include "write.h"

namespace kvcache::testing {

// Throws with the list when there are problems.
inline void Require(const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  std::string text = fmt::format("{} problems:", problems.size());
  for (const std::string& problem : problems) text += "\n  " + problem;
  throw std::runtime_error(text);
}

inline void Require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

inline Pairs ScanAll(Cache& cache) {
  Pairs pairs;
  const auto scanned = cache.Scan({}, [&](std::string_view key, std::string_view value) {
    pairs.emplace(key, value);
    return true;
  });
  Require(scanned.has_value(), "Scan: " + Text(scanned));
  return pairs;
}

// Whether lookups of `key` agree with the scan: one that reads the store, one that hits, one into a
// string.
inline void RequireSame(Cache& cache, const std::string& key, const Pairs& scanned) {
  const auto found = scanned.find(key);
  const std::string expected = found == scanned.end() ? std::string(kAbsent) : found->second;
  std::string copy;
  const auto read = cache.Get(key);
  const auto hit = cache.Get(key);
  const auto copied = cache.Get(key, copy);
  Require(Text(read) == expected && Text(hit) == expected && copied &&
              (*copied ? copy : std::string(kAbsent)) == expected,
          fmt::format("{}: a scan finds {}, lookups {}, {} and {}", key, expected, Text(read),
                      Text(hit), copy));
  Require(found == scanned.end() || (!(*read)->hit() && (*hit)->hit()), key + ": not cached");
}

}  // namespace kvcache::testing
