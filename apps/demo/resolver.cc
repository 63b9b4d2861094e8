#include "resolver.h"

#include <cstddef>
#include <expected>
#include <utility>

#include "control.h"

namespace demo {

using kvcache::Result;

Result<std::vector<std::string>> Resolver::Closure(std::string_view package) {
  met_.clear();
  closure_.clear();
  relations_.assign(1, std::string(package));
  for (std::size_t i = 0; i < relations_.size(); ++i) {
    std::string_view relations = relations_[i];
    while (!relations.empty()) {
      const Result<bool> met = MeetAny(TakeUntil(relations, ','));
      if (!met) return std::unexpected(met.error());
    }
  }
  return std::move(closure_);
}

Result<bool> Resolver::MeetAny(std::string_view alternatives) {
  while (!alternatives.empty()) {
    const std::string_view name = PackageName(TakeUntil(alternatives, '|'));
    Result<bool> met = Meet(name);
    if (met && !*met) met = MeetVirtual(name);
    if (!met || *met) return met;
  }
  return false;
}

Result<bool> Resolver::Meet(std::string_view name) {
  if (name.empty() || met_.contains(name)) return true;
  const auto record = cache_.Get(name);
  if (!record) return std::unexpected(record.error());
  if (!*record) return false;

  met_.insert(name);
  closure_.emplace_back(name);
  // Copied, so that the record does not stay pinned in memory while its dependencies are read.
  for (const auto* field : {"Pre-Depends", "Depends"}) {
    relations_.emplace_back(Field(**record, field));
  }
  return true;
}

// Whoever provides a virtual package is one more relation to meet: any one of them will do.
Result<bool> Resolver::MeetVirtual(std::string_view name) {
  const auto providers = cache_.Get(std::string(kProvides).append(name));
  if (!providers) return std::unexpected(providers.error());
  if (!*providers) return false;

  met_.insert(name);
  relations_.emplace_back(**providers);
  return true;
}

}  // namespace demo
