#include <array>

#include "base/printable.h"
#include "fuzz/target.h"

namespace kvcache::testing {

void FuzzCache(std::string_view input);
void FuzzGzip(std::string_view input);
void FuzzHexPairs(std::string_view input);
void FuzzJsonPairs(std::string_view input);
void FuzzOptionsText(std::string_view input);
void FuzzPolicy(std::string_view input);
void FuzzShellWords(std::string_view input);
void FuzzSimulationFlags(std::string_view input);
void FuzzSizes(std::string_view input);
void FuzzTextPairs(std::string_view input);
void FuzzTraceCacheLib(std::string_view input);
void FuzzTraceCsv(std::string_view input);
void FuzzTraceFile(std::string_view input);
void FuzzTraceLine(std::string_view input);
void FuzzTraceLis(std::string_view input);
void FuzzTraceOracleGeneral(std::string_view input);
void FuzzTraceText(std::string_view input);
void FuzzTraceTwitter(std::string_view input);
void FuzzZstd(std::string_view input);

std::span<const FuzzTarget> FuzzTargets() {
  static constexpr std::array kTargets = {
      FuzzTarget{"cache", FuzzCache},
      FuzzTarget{"gzip", FuzzGzip},
      FuzzTarget{"options_text", FuzzOptionsText},
      FuzzTarget{"pairs_hex", FuzzHexPairs},
      FuzzTarget{"pairs_json", FuzzJsonPairs},
      FuzzTarget{"pairs_text", FuzzTextPairs},
      FuzzTarget{"policy", FuzzPolicy},
      FuzzTarget{"shell_words", FuzzShellWords},
      FuzzTarget{"simulation_flags", FuzzSimulationFlags},
      FuzzTarget{"sizes", FuzzSizes},
      FuzzTarget{"trace_cachelib", FuzzTraceCacheLib},
      FuzzTarget{"trace_csv", FuzzTraceCsv},
      FuzzTarget{"trace_file", FuzzTraceFile},
      FuzzTarget{"trace_line", FuzzTraceLine},
      FuzzTarget{"trace_lis", FuzzTraceLis},
      FuzzTarget{"trace_oracle_general", FuzzTraceOracleGeneral},
      FuzzTarget{"trace_text", FuzzTraceText},
      FuzzTarget{"trace_twitter", FuzzTraceTwitter},
      FuzzTarget{"zstd", FuzzZstd},
  };
  return kTargets;
}

void RequireMessage(std::string_view message) {
  constexpr std::size_t kLongest = 2000;
  Require(!message.empty(), "an error says what is wrong");
  Require(message.size() <= kLongest, "a message has a bounded length", message);
  Require(PrintableLine(message) == message, "a message is one line of text", message);
}

}  // namespace kvcache::testing
