// OutputFile: a file that appears under its name only when it is complete.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "outcome.h"

namespace kvcache::kvtool {

// Writes a temporary file beside the wanted one. Commit renames it; without Commit it is removed.
class OutputFile {
 public:
  // Refuses to replace a file unless `force`, and what is not a regular file always.
  static Outcome<std::unique_ptr<OutputFile>> Create(const std::string& path, bool force);

  // For this user's eyes only. Replaces what is there: of a link, not what it points to.
  static Outcome<std::unique_ptr<OutputFile>> CreatePrivate(const std::string& path);

  // Whether Create would succeed. Leaves nothing behind.
  static Outcome<void> Check(const std::string& path, bool force);

  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  Outcome<void> Write(std::string_view bytes);
  // For libraries that write by themselves.
  int descriptor() const { return descriptor_; }
  // On the disk and under its name when this returns; the name, as far as the file system and the
  // directory's rights allow.
  Outcome<void> Commit();

 private:
  static Outcome<std::unique_ptr<OutputFile>> Open(const std::string& path, mode_t mode);
  OutputFile(std::string path, std::string temporary, int descriptor);

  std::string path_;
  std::string temporary_;  // empty once committed
  int descriptor_;
};

}  // namespace kvcache::kvtool
