#include "linearizability/minimize.h"

#include <algorithm>
#include <utility>

namespace kvcache::testing {
namespace {

// The operation at which the checker gives up.
std::optional<std::size_t> Unexplained(Checker checker, std::span<const Operation> history) {
  return checker.Check(history);
}

std::vector<Operation> OfKey(std::span<const Operation> history, std::size_t key) {
  std::vector<Operation> its;
  for (const Operation& operation : history) {
    if (Has(operation.keys, key)) its.emplace_back(operation).keys = Only(key);
  }
  return its;
}

// Whether a read may have got what this write wrote.
bool Seen(const Operation& write, std::span<const Operation> history) {
  return std::ranges::any_of(history, [&](const Operation& read) {
    if (read.writes()) return false;
    for (std::size_t key = 0; key < kMostKeys; ++key) {
      if (!Has(read.keys & write.keys, key)) continue;
      const bool some = read.versions[key] == kSomething && write.versions[key] != kNothing;
      if (some || read.versions[key] == write.versions[key]) return true;
    }
    return false;
  });
}

// Leaves out what began after the operation returned for which there is no explanation.
void CutAfter(std::size_t unexplained, std::vector<Operation>& history) {
  const std::uint64_t end = history[unexplained].returned;
  std::erase_if(history, [end](const Operation& operation) { return operation.called > end; });
}

}  // namespace

std::vector<Operation> Minimize(const Checker& before, std::vector<Operation> piece) {
  for (std::size_t key = 0; key < kMostKeys; ++key) {
    std::vector<Operation> its = OfKey(piece, key);
    if (!Unexplained(before, its)) continue;
    piece = std::move(its);
    break;
  }
  if (const auto unexplained = Unexplained(before, piece)) CutAfter(*unexplained, piece);
  for (std::size_t i = piece.size(); i-- > 0;) {
    std::vector<Operation> less = piece;
    less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
    if (piece[i].writes() && Seen(piece[i], less)) continue;
    if (Unexplained(before, less)) piece = std::move(less);
  }
  return piece;
}

}  // namespace kvcache::testing
