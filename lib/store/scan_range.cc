#include "store/scan_range.h"

#include <utility>

namespace kvcache {
namespace {

// The first key, bytewise, after all that begin with `prefix`; nullopt when there is none.
std::optional<std::string> AfterPrefix(std::string_view prefix) {
  while (prefix.ends_with('\xff')) prefix.remove_suffix(1);
  if (prefix.empty()) return std::nullopt;
  std::string after(prefix);
  after.back() = static_cast<char>(static_cast<unsigned char>(after.back()) + 1);
  return after;
}

}  // namespace

ScanRange RangeOf(const ScanOptions& options, KeyOrder order) {
  ScanRange range = {options.range.from, options.range.to, std::nullopt};
  if (!options.prefix || order == KeyOrder::kOther) return range;
  std::optional<std::string> after = AfterPrefix(*options.prefix);
  if (order == KeyOrder::kBytewise) {
    if (!range.lower || *range.lower < *options.prefix) range.lower = options.prefix;
    if (after && (!range.upper || *after < *range.upper)) range.upper = std::move(after);
  } else {
    // Bytewise less is later here.
    if (after && (!range.lower || *range.lower > *after)) range.lower = std::move(after);
    range.last = options.prefix;
  }
  return range;
}

}  // namespace kvcache
