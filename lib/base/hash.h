// Hashing of keys: XXH3 with a seed, so that nobody can choose keys that collide.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <random>
#include <string_view>

namespace kvcache {

// A key with its hash, computed once at the door.
struct HashedKey {
  std::uint64_t hash;
  std::string_view key;
};

inline std::uint64_t HashKey(std::string_view key, std::uint64_t seed) {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

inline std::uint64_t RandomSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// floor(hash * n / 2^64): maps a hash to [0, n) by its high bits, for any n (Lemire 2019,
// "Fast Random Integer Generation in an Interval").
inline std::uint64_t ScaleHash(std::uint64_t hash, std::uint64_t n) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(hash) * n) >> 64);
}

}  // namespace kvcache
