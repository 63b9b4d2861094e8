// Results as text: what tests compare and what they print when they fail.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/cache.h"

namespace kvcache::testing {

inline constexpr std::string_view kAbsent = "(absent)";

inline std::string Text(const Error& error) { return "error: " + error.message; }

inline std::string Text(const Result<void>& result) { return result ? "ok" : Text(result.error()); }

inline std::string Text(const Result<bool>& result) {
  if (!result) return Text(result.error());
  return *result ? "yes" : "no";
}

inline std::string Text(const Result<Value>& result) {
  return result ? std::string(result->view()) : Text(result.error());
}

inline std::string Text(const Result<std::optional<Value>>& result) {
  if (!result) return Text(result.error());
  return *result ? std::string((*result)->view()) : std::string(kAbsent);
}

// "v, hit" when the tier answered, "v, read" when the store was read for it.
inline std::string TextAndSource(const Result<std::optional<Value>>& result) {
  if (!result || !*result) return Text(result);
  return Text(result) + ((*result)->hit() ? ", hit" : ", read");
}

// What a reader of `key` gets: "v, hit", "v, read", "(absent)" or "error: ...".
inline std::string Look(Cache& cache, std::string_view key) {
  return TextAndSource(cache.Get(key));
}

// The same of several keys in one MultiGet, separated by "; ".
inline std::string LookAtAll(Cache& cache, const std::vector<std::string_view>& keys) {
  std::string text;
  for (const auto& answer : cache.MultiGet(keys)) {
    text += (text.empty() ? "" : "; ") + TextAndSource(answer);
  }
  return text;
}

// What the store itself has, read past any cache.
inline std::string ReadStore(Store& store, std::string_view key) {
  std::string value(kAbsent);
  const auto found = store.Get(key, [&](std::string_view bytes) { value = bytes; });
  return found ? value : Text(found.error());
}

inline Result<void> PutStore(Store& store, std::string_view key, std::string_view value) {
  Batch batch;
  batch.Put(key, value);
  return store.Write(batch, {});
}

}  // namespace kvcache::testing
