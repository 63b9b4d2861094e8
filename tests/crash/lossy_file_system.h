// A file system whose machine can be lost: what was not synced by then may be gone.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kvcache::testing {

// Over the real one, whose files hold what the lost machine had in its memory too. Appended bytes
// are safe when their file is synced; a file's creation and renaming, when its directory is. A
// deletion is safe at once, which is the worst that can be for a database.
//
// Of the rest the disk got what was done before some moment: writeback in order. In any other order
// RocksDB itself promises nothing for writes without sync that lie in two logs.
//
// Thread-safe. Reads, info logs and locks go to the real one.
class LossyFileSystem : public rocksdb::FileSystemWrapper {
 public:
  LossyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "kvcache.test.LossyFileSystem"; }

  // The machine stops: from now on nothing changes any more, and every attempt fails.
  void Stop() {
    const std::lock_guard lock(mutex_);
    stop_at_ = changes_;
  }
  // The same after so many further changes.
  void StopAfter(std::uint64_t changes) {
    const std::lock_guard lock(mutex_);
    stop_at_ = changes_ + changes;
  }

  // Changes since it was last started.
  std::uint64_t changes() {
    const std::lock_guard lock(mutex_);
    return changes_;
  }

  // Takes away what the disk did not get: everything not synced that was done after so many changes
  // since the start. Then the machine starts again. No file may be open.
  void LoseAfter(std::uint64_t kept) {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, file] : files_) {
      std::uint64_t size = file.synced;
      for (const auto& [change, end] : file.appended) {
        if (change <= kept) size = std::max(size, end);
      }
      std::error_code gone;  // deleted with its file's record still here
      if (std::filesystem::file_size(path, gone) > size && !gone) {
        std::filesystem::resize_file(path, size);
      }
    }
    for (auto named = names_.rbegin(); named != names_.rend(); ++named) {
      if (named->change > kept) Undo(*named);
    }
    files_.clear();
    names_.clear();
    changes_ = 0;
    stop_at_ = kRuns;
  }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    const std::lock_guard lock(mutex_);
    if (!Change()) return Stopped(path);
    std::unique_ptr<rocksdb::FSWritableFile> inner;
    const auto status = target()->NewWritableFile(path, options, &inner, debug);
    if (!status.ok()) return status;
    files_[path] = {};
    names_.push_back({.change = changes_, .path = path});
    *file = std::make_unique<File>(*this, path, std::move(inner));
    return status;
  }

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    const std::lock_guard lock(mutex_);
    if (!Change()) return Stopped(to);
    NameChange named{.change = changes_, .path = to, .from = from};
    std::string content;
    if (ReadFileToString(target(), to, &content).ok()) named.replaced = content;
    const auto status = target()->RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    if (auto file = files_.extract(from); !file.empty()) {
      files_.erase(to);
      file.key() = to;
      files_.insert(std::move(file));
    }
    names_.push_back(std::move(named));
    return status;
  }

  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    const std::lock_guard lock(mutex_);
    if (!Change()) return Stopped(path);
    files_.erase(path);
    std::erase_if(names_, [&](const NameChange& named) { return named.path == path; });
    return target()->DeleteFile(path, options, debug);
  }

  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSDirectory> inner;
    const auto status = target()->NewDirectory(path, options, &inner, debug);
    if (status.ok()) *directory = std::make_unique<Directory>(*this, path, std::move(inner));
    return status;
  }

 private:
  static constexpr std::uint64_t kRuns = ~std::uint64_t{0};

  struct FileState {
    std::uint64_t size = 0;
    std::uint64_t synced = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> appended;  // change, size after it
  };
  struct NameChange {
    std::uint64_t change = 0;
    std::string path;
    std::string from = {};                               // empty: `path` was created
    std::optional<std::string> replaced = std::nullopt;  // what the renamed file took the place of
  };

  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(LossyFileSystem& system, std::string path, std::unique_ptr<rocksdb::FSWritableFile> inner)
        : FSWritableFileOwnerWrapper(std::move(inner)), system_(system), path_(std::move(path)) {}

    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      const std::lock_guard lock(system_.mutex_);
      if (!system_.Change()) return Stopped(path_);
      FileState& state = system_.files_[path_];
      state.size += data.size();
      state.appended.emplace_back(system_.changes_, state.size);
      return target()->Append(data, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
      const std::lock_guard lock(system_.mutex_);
      if (!system_.Change()) return Stopped(path_);
      FileState& state = system_.files_[path_];
      state.synced = state.size;
      state.appended.clear();
      return rocksdb::IOStatus::OK();
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      return Sync(options, debug);
    }

   private:
    LossyFileSystem& system_;
    const std::string path_;
  };

  class Directory : public rocksdb::FSDirectoryWrapper {
   public:
    Directory(LossyFileSystem& system, std::string path,
              std::unique_ptr<rocksdb::FSDirectory> inner)
        : FSDirectoryWrapper(std::move(inner)), system_(system), path_(std::move(path)) {}

    rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
      const std::lock_guard lock(system_.mutex_);
      if (!system_.Change()) return Stopped(path_);
      std::erase_if(system_.names_, [&](const NameChange& named) {
        return std::filesystem::path(named.path).parent_path() == path_;
      });
      return rocksdb::IOStatus::OK();
    }
    rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options,
                                          rocksdb::IODebugContext* debug,
                                          const rocksdb::DirFsyncOptions&) override {
      return Fsync(options, debug);
    }

   private:
    LossyFileSystem& system_;
    const std::string path_;
  };

  static rocksdb::IOStatus Stopped(const std::string& path) {
    return rocksdb::IOStatus::IOError(path, "the machine has stopped");
  }

  // Counts a change; false when there are no more.
  bool Change() {
    if (changes_ >= stop_at_) return false;
    ++changes_;
    return true;
  }

  static void Undo(const NameChange& named) {
    std::error_code gone;
    if (named.from.empty()) {
      std::filesystem::remove(named.path, gone);
      return;
    }
    std::filesystem::rename(named.path, named.from, gone);
    if (named.replaced) {
      WriteStringToFile(rocksdb::FileSystem::Default().get(), *named.replaced, named.path)
          .PermitUncheckedError();
    }
  }

  std::mutex mutex_;
  std::uint64_t changes_ = 0;
  std::uint64_t stop_at_ = kRuns;
  std::map<std::string, FileState> files_;  // written since the start
  std::vector<NameChange> names_;           // in directories not synced since
};

}  // namespace kvcache::testing
