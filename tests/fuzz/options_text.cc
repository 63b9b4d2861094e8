// RocksDB's OPTIONS files: what is found in one is found again in a file of nothing else.
#include "store/options_text.h"

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/target.h"

namespace kvcache::testing {

void FuzzOptionsText(std::string_view input) {
  const std::vector<NamedObject> objects = NamedObjects(input);
  std::string text;
  for (const NamedObject& object : objects) {
    for (const std::string* part : {&object.family, &object.option, &object.name}) {
      Require(!part->empty() && part->find('\n') == std::string::npos, "parts are of a line",
              *part);
      Require(input.contains(*part), "parts are of the text", *part);
    }
    // A name that looks like an object with an id is one when it is written again.
    if (object.name.starts_with("{id=")) return;
    text +=
        "[CFOptions \"" + object.family + "\"]\n  " + object.option + "=" + object.name + "\r\n";
  }
  const auto same = [](const NamedObject& a, const NamedObject& b) {
    return a.family == b.family && a.option == b.option && a.name == b.name;
  };
  Require(std::ranges::equal(NamedObjects(text), objects, same), "objects are found again", text);
}

}  // namespace kvcache::testing
