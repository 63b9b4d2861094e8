#include "trace_input.h"

#include <filesystem>
#include <system_error>

namespace kvcache::kvtool {
namespace {

// A pipe, say. One whose kind cannot be found out is left to who opens it, and tells why.
bool CanBeReadOnlyOnce(const std::string& name) {
  if (name == "-") return true;
  std::error_code ignored;
  const auto status = std::filesystem::status(name, ignored);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
}

}  // namespace

std::string NameOfInput(const std::string& path) { return path == "-" ? "standard input" : path; }

TraceInput TraceInput::ReadOnce(const std::string& name, const TraceOptions& options) {
  TraceInput input;
  input.name_ = name;
  input.options_ = options;
  input.options_.name = NameOfInput(name);
  return input;
}

Outcome<TraceInput> TraceInput::Open(const std::string& name, const TraceOptions& options) {
  TraceInput input = ReadOnce(name, options);
  if (CanBeReadOnlyOnce(name)) {
    input.spool_ = std::make_unique<Spool>();
    if (auto copied = input.spool_->Copy(name, input.options_.name); !copied) {
      return std::unexpected(copied.error());
    }
  }
  const auto reader = TraceReader::Open(input.path(), input.options_);
  if (!reader) return std::unexpected(reader.error());
  return input;
}

}  // namespace kvcache::kvtool
