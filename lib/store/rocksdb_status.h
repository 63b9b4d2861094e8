// RocksDB's statuses as errors of this library.
#pragma once

#include <fmt/format.h>
#include <rocksdb/status.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>

#include "base/printable.h"
#include "kvcache/error.h"

namespace kvcache {

inline bool ContainsAny(std::string_view text, std::initializer_list<std::string_view> phrases) {
  return std::ranges::any_of(phrases, [&](std::string_view phrase) {
    return text.find(phrase) != std::string_view::npos;
  });
}

// By an open database. Locks fail for other reasons too: on a file system that has none, say.
inline bool SaysLockIsHeld(std::string_view text) {
  if (ContainsAny(text, {"lock hold by current process"})) return true;
  const auto says = [&](int error) {
    return text.ends_with(std::generic_category().message(error));
  };
  return ContainsAny(text, {"While lock file"}) &&
         (says(EAGAIN) || says(EACCES));  // as POSIX has it
}

// Two conditions that users must be able to tell have no code of their own in RocksDB; its texts
// have been the same since version 5.
inline ErrorCode CodeOf(const rocksdb::Status& status, std::string_view text) {
  switch (status.code()) {
    case rocksdb::Status::kCorruption:
      return ErrorCode::kCorruption;
    case rocksdb::Status::kInvalidArgument:
      return ErrorCode::kInvalidArgument;
    case rocksdb::Status::kBusy:
    case rocksdb::Status::kTimedOut:
      return ErrorCode::kBusy;
    case rocksdb::Status::kNotSupported:
      return ContainsAny(text, {"read only mode", "compacted db mode", "secondary mode"})
                 ? ErrorCode::kReadOnly
                 : ErrorCode::kNotSupported;
    case rocksdb::Status::kIOError:
      return SaysLockIsHeld(text) ? ErrorCode::kBusy : ErrorCode::kIoError;
    default:
      return ErrorCode::kInternal;
  }
}

// How to mend it, where that is known.
inline std::string_view AdviceOn(const rocksdb::Status& status, bool full, std::string_view text) {
  if (status.severity() >= rocksdb::Status::kFatalError) {
    return "; it takes no more writes until it is opened again";
  }
  if (full) return "; it takes writes again when there is room";
  if (ContainsAny(text, {"Permission denied", "Read-only file system"})) {
    return "; opened for reading only, it needs no right to write";
  }
  return "";
}

// "database /data/x: cannot write: the disk is full: IO error: No space left on device: ..."
inline std::unexpected<Error> FailWith(const rocksdb::Status& status, std::string_view where,
                                       std::string_view what) {
  std::string text = PrintableLine(status.ToString());
  text.erase(text.find_last_not_of(" .:") + 1);
  const ErrorCode code = CodeOf(status, text);
  if (code == ErrorCode::kReadOnly) text = "it is open for reading only";
  const bool full = status.subcode() == rocksdb::Status::kNoSpace ||
                    status.subcode() == rocksdb::Status::kSpaceLimit;
  return Fail(code,
              fmt::format("{}: cannot {}: {}{}{}", where, what, full ? "the disk is full: " : "",
                          text, AdviceOn(status, full, text)));
}

}  // namespace kvcache
