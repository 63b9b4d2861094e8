// An environment for RocksDB with a file system and a clock of the test's choice.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/system_clock.h>

#include <memory>
#include <utility>

namespace kvcache::testing {

// RocksDB sleeps for a second after each flush or compaction that failed; a test need not.
class SleeplessClock : public rocksdb::SystemClockWrapper {
 public:
  SleeplessClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "kvcache.test.SleeplessClock"; }
  void SleepForMicroseconds(int) override {}
};

class TestEnv : public rocksdb::EnvWrapper {
 public:
  explicit TestEnv(const std::shared_ptr<rocksdb::FileSystem>& files,
                   std::shared_ptr<rocksdb::SystemClock> clock = std::make_shared<SleeplessClock>())
      : EnvWrapper(rocksdb::NewCompositeEnv(files)) {
    system_clock_ = std::move(clock);
  }
  const char* Name() const override { return "kvcache.test.TestEnv"; }
};

}  // namespace kvcache::testing
