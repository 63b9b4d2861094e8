// Spool: standard input kept in a temporary file, for work that reads its input twice.
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

  // Into a file in TemporaryDirectory() that has no name: it is gone when the process is.
  Outcome<void> CopyStandardInput();

  // By which the copy can be opened as often as needed.
  std::string path() const;

 private:
  int descriptor_ = -1;
};

}  // namespace kvcache::kvtool
