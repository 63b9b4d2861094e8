// Histories: what callers of a cache saw, as its operations' calls and returns in one order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kvcache::testing {

// Keys are numbers below kMostKeys, in the store's order.
inline constexpr std::size_t kMostKeys = 8;
using KeySet = std::uint32_t;  // bit i: key i
constexpr KeySet Only(std::size_t key) { return KeySet{1} << key; }
constexpr KeySet KeysBetween(std::size_t begin, std::size_t end) { return Only(end) - Only(begin); }
constexpr bool Has(KeySet keys, std::size_t key) { return (keys >> key & 1) != 0; }

// What a key holds: which write's value, or nothing. No two writes of a key write one version.
using Version = std::uint32_t;
inline constexpr Version kNothing = 0;
// In a read only: some version, which one was not told.
inline constexpr Version kSomething = ~Version{0};

// A version for each key. Zero for those that are none of the matter.
using Versions = std::array<Version, kMostKeys>;

// Takes effect at one moment between its call and its return, on all of its keys.
struct Operation {
  enum class Effect : std::uint8_t {
    kReads,     // these versions, all of one moment
    kWrites,    // these versions
    kMayWrite,  // these versions or, having failed, nothing
  };

  Effect effect = Effect::kReads;
  KeySet keys = 0;
  Versions versions{};
  std::uint64_t called = 0;  // places in the one order of all calls and returns
  std::uint64_t returned = 0;
  // For people.
  std::string_view name = {};
  std::uint32_t thread = 0;

  bool writes() const { return effect != Effect::kReads; }
};

// "k1=17 k2=-": what these keys hold.
std::string ToText(KeySet keys, const Versions& versions);

// A line an operation, in the order of their calls.
std::string ToText(std::span<const Operation> history);

}  // namespace kvcache::testing
