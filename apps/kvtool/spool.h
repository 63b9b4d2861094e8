// Spool: an input that can be read only once, a pipe say, kept in a temporary file.
#pragma once

#include <string>

#include "outcome.h"

namespace kvcache::kvtool {

// $TMPDIR, or /tmp.
std::string TemporaryDirectory();

class Spool {
 public:
  Spool() = default;
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Into a file in TemporaryDirectory() that has no name: it is gone when the process is. `path`
  // is opened once; "-" is standard input. `name` is for messages.
  Outcome<void> Copy(const std::string& path, const std::string& name);

  // By which the copy can be opened as often as needed.
  std::string path() const;

 private:
  Outcome<void> CopyFrom(int input, const std::string& name);

  int descriptor_ = -1;
};

}  // namespace kvcache::kvtool
