// Traces whose format is told by their content, in files: the reader is that of the format told.
#include <string>
#include <utility>

#include "fuzz/memory_file.h"
#include "fuzz/read_trace.h"
#include "fuzz/target.h"

namespace kvcache::testing {

void FuzzTraceFile(std::string_view input) {
  const MemoryFile file(input);
  auto told = TraceReader::Open(file.path(), {.name = "trace"});
  const std::string format = told ? std::string((*told)->format()) : "text";
  const Reading reading = ReadToEnd(std::move(told));
  Require(ReadToEnd(TraceReader::Open(file.path(), {.format = format, .name = "trace"})) == reading,
          "a format is read the same, told or asked for", format);
}

}  // namespace kvcache::testing
