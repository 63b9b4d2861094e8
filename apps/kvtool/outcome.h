// Outcome: how a command ends.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "kvcache/error.h"

namespace kvcache::kvtool {

// What scripts see; they depend on the numbers.
enum class ExitStatus : int {
  kDone = 0,
  kAbsent = 1,  // the key is not in the database
  kUsage = 2,   // the call is wrong
  kFailed = 3,  // the store or a file failed
};

// "what; how to mend it": one line, printed after "kvtool: ".
struct Failure {
  Failure(ExitStatus its_status, std::string its_message)
      : status(its_status), message(std::move(its_message)) {}
  // NOLINTNEXTLINE(google-explicit-constructor): a command can return a store's error as it is
  Failure(const Error& error)
      : Failure(
            error.code == ErrorCode::kInvalidArgument ? ExitStatus::kUsage : ExitStatus::kFailed,
            error.message) {}

  ExitStatus status;
  std::string message;
};

template <class T>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> WrongCall(std::string message) {
  return std::unexpected(Failure(ExitStatus::kUsage, std::move(message)));
}

inline std::unexpected<Failure> Failed(std::string message) {
  return std::unexpected(Failure(ExitStatus::kFailed, std::move(message)));
}

}  // namespace kvcache::kvtool
