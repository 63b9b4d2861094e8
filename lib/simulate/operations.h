// What traces call reads and writes.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace kvcache {

// `lower` is in lower case.
inline bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  });
}

// "get", "gets", "GET", "GET_LEASE"
inline bool IsGet(std::string_view operation) {
  return operation.size() >= 3 && EqualsIgnoringCase(operation.substr(0, 3), "get");
}

inline bool IsWrite(std::string_view operation) {
  static constexpr std::array<std::string_view, 20> kWrites = {
      "set",    "add",    "replace", "cas",    "append", "prepend",  "incr",
      "decr",   "write",  "w",       "put",    "post",   "patch",    "insert",
      "update", "delete", "del",     "remove", "d",      "set_lease"};
  return std::ranges::any_of(kWrites, [operation](std::string_view write) {
    return EqualsIgnoringCase(operation, write);
  });
}

}  // namespace kvcache
