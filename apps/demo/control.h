// Debian control records: the few pieces of their syntax that resolving dependencies needs.
#pragma once

#include <string_view>

namespace demo {

// The value of a record's field, continuation lines included; empty when the record has none.
std::string_view Field(std::string_view record, std::string_view name);

// Cuts off and returns what stands before `separator`, or all of `text`.
std::string_view TakeUntil(std::string_view& text, char separator);

// The package that a relation names: "libc6" in " libc6:any (>= 2.36) [amd64]".
std::string_view PackageName(std::string_view relation);

}  // namespace demo
