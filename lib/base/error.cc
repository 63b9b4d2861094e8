#include "kvcache/error.h"

namespace kvcache {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kNotSupported:
      return "not supported";
    case ErrorCode::kReadOnly:
      return "read only";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kCorruption:
      return "corruption";
    case ErrorCode::kIoError:
      return "I/O error";
    case ErrorCode::kInternal:
      return "internal error";
  }
  return "unknown error";
}

}  // namespace kvcache
