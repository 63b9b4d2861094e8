// A trace that is to be read, more than once perhaps, standard input and pipes too.
#pragma once

#include <memory>
#include <string>

#include "outcome.h"
#include "simulate/trace_reader.h"
#include "spool.h"

namespace kvcache::kvtool {

// For people: "-" is standard input.
std::string NameOfInput(const std::string& path);

class TraceInput {
 public:
  // `name`: a file's path, or "-". What is no regular file is copied to a temporary one at once.
  // Fails when it cannot be opened, or not as the format that is asked for.
  static Outcome<TraceInput> Open(const std::string& name, const TraceOptions& options);

  // One that will be read once only, and so is neither copied nor looked at beforehand.
  static TraceInput ReadOnce(const std::string& name, const TraceOptions& options);

  const std::string& name() const { return name_; }  // as given
  // By which it can be opened as often as needed, with these options.
  std::string path() const { return spool_ ? spool_->path() : name_; }
  const TraceOptions& options() const { return options_; }

 private:
  std::string name_;
  TraceOptions options_;
  std::unique_ptr<Spool> spool_;
};

}  // namespace kvcache::kvtool
