// A file system on which writing fails as long as a test wants it to.
#pragma once

#include <rocksdb/file_system.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace kvcache::testing {

// Thread-safe.
class FaultyFileSystem : public rocksdb::FileSystemWrapper {
 public:
  using Which = std::function<bool(const std::string& path)>;

  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "kvcache.test.FaultyFileSystem"; }

  // From now on files of these paths can neither be made nor written nor synced.
  void Fail(Which which, rocksdb::IOStatus status) {
    const std::lock_guard lock(mutex_);
    which_ = std::move(which);
    status_ = std::move(status);
  }
  void Heal() { Fail(nullptr, rocksdb::IOStatus::OK()); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (auto status = StatusOf(path); !status.ok()) return status;
    std::unique_ptr<rocksdb::FSWritableFile> inner;
    auto status = target()->NewWritableFile(path, options, &inner, debug);
    if (status.ok()) *file = std::make_unique<File>(*this, path, std::move(inner));
    return status;
  }
  rocksdb::IOStatus NewLogger(const std::string& path, const rocksdb::IOOptions& options,
                              std::shared_ptr<rocksdb::Logger>* logger,
                              rocksdb::IODebugContext* debug) override {
    if (auto status = StatusOf(path); !status.ok()) return status;
    return target()->NewLogger(path, options, logger, debug);
  }

 private:
  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(FaultyFileSystem& system, std::string path, std::unique_ptr<rocksdb::FSWritableFile> inner)
        : FSWritableFileOwnerWrapper(std::move(inner)), system_(system), path_(std::move(path)) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      if (auto status = system_.StatusOf(path_); !status.ok()) return status;
      return target()->Append(data, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
      return system_.StatusOf(path_);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
      return system_.StatusOf(path_);
    }

   private:
    FaultyFileSystem& system_;
    const std::string path_;
  };

  rocksdb::IOStatus StatusOf(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return which_ && which_(path) ? status_ : rocksdb::IOStatus::OK();
  }

  std::mutex mutex_;
  Which which_;
  rocksdb::IOStatus status_;
};

}  // namespace kvcache::testing
