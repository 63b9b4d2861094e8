// OPTIONS files of RocksDB, as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvcache {

// An object of a program's own that a column family was opened with.
struct NamedObject {
  std::string family;  // "default"
  std::string option;  // "merge_operator"
  std::string name;    // "StringAppendOperator"
};

// The comparators, merge operators and compaction filters that an OPTIONS file names. To be read
// from the text: RocksDB drops silently those that the program at hand does not have.
std::vector<NamedObject> NamedObjects(std::string_view options_text);

}  // namespace kvcache
