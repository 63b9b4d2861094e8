// Calls into plugged-in code: exceptions become errors.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "kvcache/error.h"

namespace kvcache {

// What `call` returns; Error{kInternal} when it throws anything but std::bad_alloc, which passes. R
// is a Result.
template <class R, class F>
R Guarded(F&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& exception) {
    return Fail(ErrorCode::kInternal, std::string("exception: ") + exception.what());
  } catch (...) {
    return Fail(ErrorCode::kInternal, "exception of unknown type");
  }
}

}  // namespace kvcache
