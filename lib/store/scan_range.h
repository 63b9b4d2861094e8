// Where in a store's order the keys of a scan lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kvcache/store.h"

namespace kvcache {

enum class KeyOrder : std::uint8_t { kBytewise, kReverseBytewise, kOther };

struct ScanRange {
  std::optional<std::string> lower;  // included
  std::optional<std::string> upper;  // excluded
  // Included. Set where the keys end with one that no other key is known to follow next:
  // descending, those that begin with "b" end with "b" itself, and "az", "azz", ... all come later.
  std::optional<std::string> last;
};

// All keys that `options` asks for lie in the range. With a prefix and another order than bytewise
// others may lie between them: only the bytewise orders are known to keep such keys together.
ScanRange RangeOf(const ScanOptions& options, KeyOrder order);

}  // namespace kvcache
