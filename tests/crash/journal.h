// What a process says of its writes, in a file mapped by it and by whoever kills it: the kernel
// keeps what was stored there before a kill -9.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "write.h"

namespace kvcache::testing {

inline constexpr std::size_t kWriters = 4;
inline constexpr std::size_t kWritesEach = 2048;  // a writer stops after so many
inline constexpr std::size_t kMostSteps = 8;

// All zero at first.
struct JournalRecord {
  std::atomic<std::uint64_t> begin;  // 0: not begun; set when all but `end` is
  std::atomic<std::uint64_t> end;    // 0: not acknowledged
  std::uint64_t steps;
  Step step[kMostSteps];
};

class Journal {
 public:
  // Made by who kills, then opened by who is killed.
  Journal(const std::string& path, bool create) {
    const int file =
        open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0), 0666);
    if (file < 0 || (create && ftruncate(file, sizeof(Content)) != 0)) {
      throw std::runtime_error("cannot open " + path);
    }
    void* mapped = mmap(nullptr, sizeof(Content), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + path);
    content_ = static_cast<Content*>(mapped);
  }
  ~Journal() { munmap(content_, sizeof(Content)); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  static std::string NameOf(std::uint64_t round, std::size_t writer, std::size_t number) {
    return std::to_string(round) + "." + std::to_string(writer) + "." + std::to_string(number);
  }

  void Begin(std::size_t writer, std::size_t number, std::span<const Step> steps) {
    JournalRecord& record = content_->records[writer][number];
    record.steps = steps.size();
    for (std::size_t i = 0; i < steps.size(); ++i) record.step[i] = steps[i];
    record.begin = ++content_->clock;
  }
  void Acknowledge(std::size_t writer, std::size_t number) {
    content_->records[writer][number].end = ++content_->clock;
  }

  // All writes begun, when their process is dead.
  std::vector<Write> Writes(std::uint64_t round) const {
    std::vector<Write> writes;
    for (std::size_t writer = 0; writer < kWriters; ++writer) {
      for (std::size_t number = 0; number < kWritesEach; ++number) {
        const JournalRecord& record = content_->records[writer][number];
        if (record.begin == 0) break;
        writes.push_back({.name = NameOf(round, writer, number),
                          .begin = record.begin,
                          .end = record.end == 0 ? kNever : record.end.load(),
                          .steps = {record.step, record.step + record.steps}});
      }
    }
    return writes;
  }

 private:
  struct Content {
    std::atomic<std::uint64_t> clock;
    JournalRecord records[kWriters][kWritesEach];
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  Content* content_;
};

}  // namespace kvcache::testing
