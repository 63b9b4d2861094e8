// The keys and values that callers use, as bytes.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "linearizability/history.h"

namespace kvcache::testing {

// "0.0", "0.1", ... "1.0": the first half of all keys has one prefix, the second half another.
inline constexpr std::size_t kKeysPerPrefix = kMostKeys / 2;

inline std::string KeyName(std::size_t key) {
  return std::to_string(key / kKeysPerPrefix) + "." + std::to_string(key % kKeysPerPrefix);
}
inline std::size_t KeyOf(std::string_view name) {
  return static_cast<std::size_t>(name[0] - '0') * kKeysPerPrefix +
         static_cast<std::size_t>(name[2] - '0');
}
inline std::string PrefixOf(std::size_t key) { return KeyName(key).substr(0, 2); }
inline KeySet KeysWithPrefixOf(std::size_t key) {
  const std::size_t first = key / kKeysPerPrefix * kKeysPerPrefix;
  return KeysBetween(first, first + kKeysPerPrefix);
}

// Before all of them come some that are in every store and stay as they are, so that reading in
// order is reading of many.
inline constexpr std::size_t kSteadyKeys = 16;
inline std::string SteadyName(std::size_t number) {
  return "/" + std::string(1, static_cast<char>('a' + number));
}
inline constexpr std::string_view kSteadyValue = "steady";

// Every byte follows from key and version, so a mixture of two values is noticed. Some are so large
// that few fit.
inline std::string ValueText(std::size_t key, Version version) {
  std::string text = std::to_string(key) + ":" + std::to_string(version) + ":";
  text.resize(text.size() + version * 7919 % (version % 16 == 0 ? 6'000 : 100),
              static_cast<char>('a' + version % 26));
  return text;
}

// The version that a value claims to be; nothing when it is not that version of that key.
inline std::optional<Version> VersionOf(std::size_t key, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Version version = kNothing;
  std::from_chars(value.data() + colon + 1, value.data() + value.size(), version);
  if (ValueText(key, version) != value) return std::nullopt;
  return version;
}

}  // namespace kvcache::testing
