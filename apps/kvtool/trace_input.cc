#include "trace_input.h"

#include <utility>

namespace kvcache::kvtool {

Outcome<TraceInput> TraceInput::Open(const std::string& name, const TraceOptions& options) {
  TraceInput input;
  input.name_ = name;
  input.options_ = options;
  if (name == "-") {
    input.spool_ = std::make_unique<Spool>();
    if (auto copied = input.spool_->CopyStandardInput(); !copied) {
      return std::unexpected(copied.error());
    }
    input.options_.name = "standard input";
  }
  const auto reader = TraceReader::Open(input.path(), input.options_);
  if (!reader) return std::unexpected(reader.error());
  return input;
}

}  // namespace kvcache::kvtool
