// The lines that `kvtool load` reads and `kvtool dump` writes.
#include "kvtool/pairs.h"

#include <string>

#include "base/printable.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "kvtool/bytes.h"

namespace kvcache::testing {
namespace {

using kvtool::PairFormat;

// Any pair can be written, and is read again as it was.
void RequireRoundTrip(PairFormat format, bool json_hex, std::string_view key,
                      std::string_view value) {
  std::string line;
  kvtool::AppendPairLine(format, json_hex, key, value, line);
  Require(line.find('\n') == line.size() - 1, "a pair is one line", line);
  line.pop_back();
  std::string read_key;
  std::string read_value;
  const auto read = kvtool::ParsePairLine(format, line, read_key, read_value);
  Require(read.has_value(), "what dump writes load reads", line);
  Require(read_key == key && read_value == value, "load reads what dump was given", line);
}

void FuzzPairs(PairFormat format, std::string_view input) {
  std::string key;
  std::string value;
  if (const auto read = kvtool::ParsePairLine(format, input, key, value)) {
    RequireRoundTrip(format, false, key, value);
  } else {
    RequireMessage(read.error());
  }
  Input choices(input);
  const bool json_hex = choices.Below(2) != 0;
  const std::string_view any_key = choices.Take(choices.Byte());
  RequireRoundTrip(format, json_hex, any_key, choices.rest());
}

}  // namespace

void FuzzTextPairs(std::string_view input) {
  FuzzPairs(PairFormat::kText, input);

  std::string escaped;
  kvtool::AppendEscaped(input, escaped);
  std::string same;
  Require(kvtool::Unescape(escaped, same) && same == input, "escapes are undone", escaped);
  const std::string shown = Printable(input);
  Require(PrintableLine(shown) == shown, "what is harmless stays as it is", shown);
  std::string_view rest = shown;
  while (!rest.empty()) {
    const std::size_t size = Utf8CharacterSize(rest);
    const auto byte = static_cast<unsigned char>(rest.front());
    const bool c1 = byte == 0xC2 && static_cast<unsigned char>(rest[1]) < 0xA0;
    Require(size > 0 && byte >= 0x20 && byte != 0x7F && !c1, "a terminal obeys nothing", shown);
    rest.remove_prefix(size);
  }
}

void FuzzHexPairs(std::string_view input) {
  FuzzPairs(PairFormat::kHex, input);
  Require(FromHex(kvtool::ToHex(input)) == input, "hex is undone", input);
}

void FuzzJsonPairs(std::string_view input) {
  FuzzPairs(PairFormat::kJsonl, input);
  for (const bool hex : {false, true}) {
    const kvtool::Json json = kvtool::Json::parse(kvtool::ToJson(input, hex).dump());
    Require(kvtool::FromJson(json) == input, "JSON is undone", input);
  }
}

}  // namespace kvcache::testing
