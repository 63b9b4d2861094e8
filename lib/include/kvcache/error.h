// Errors as values: nothing in kvcache throws across its API except std::bad_alloc.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace kvcache {

enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // the call is wrong: mend the call
  kNotSupported,     // the store cannot do this, or cannot be cached correctly
  kReadOnly,         // a write to a store opened for reading
  kBusy,             // locked by another process, or already wrapped by another Cache
  kCorruption,       // the store's files are damaged
  kIoError,          // the operating system refused: disk full, permissions, missing file
  kInternal,         // anything else a store reported
};

// The code's name as users see it in messages: "invalid argument", "busy", ...
std::string_view ErrorCodeName(ErrorCode code);

// What failed, on what, and where it helps, how to mend it; one line, no trailing period.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

}  // namespace kvcache
