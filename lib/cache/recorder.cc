#include "cache/recorder.h"

#include <fmt/format.h>
#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/printable.h"
#include "cache/trace_file.h"

namespace kvcache {
namespace {

constexpr std::size_t kMostBuffered = std::size_t{4} << 20;
// What the writer is woken for; less is written when so long has gone by.
constexpr std::size_t kWorthWriting = std::size_t{256} << 10;
constexpr std::chrono::seconds kLongestDelay{1};

// A thread that no signal of the application's is delivered to. SIGPIPE, which a write may raise,
// is the write's error then.
template <class F>
std::thread StartWithoutSignals(F&& run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto restore = [&] { pthread_sigmask(SIG_SETMASK, &before, nullptr); };
  try {
    std::thread thread(std::forward<F>(run));
    restore();
    return thread;
  } catch (...) {
    restore();
    throw;
  }
}

// Without memory for the text it says that, in one that takes none.
Error TooSlow(const std::string& path) {
  try {
    return {
        ErrorCode::kIoError,
        fmt::format("{} takes less than is looked up: record a smaller sample", Printable(path))};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kInternal, "out of memory"};
  }
}

}  // namespace

struct Recorder::State {
  // One line of the processor's: all that a recorded lookup writes, but the buffer's end.
  alignas(64) std::mutex mutex;  // of all members but the last three
  std::uint64_t requests = 0;    // recorded
  std::string lines;  // not yet taken by the writer; never grows beyond what it has reserved

  std::condition_variable work;
  std::condition_variable room;
  RecordingStats stats;  // but for `requests` and `error`
  bool wait = false;
  bool ending = false;
  std::optional<Error> error;
  bool untold = false;  // `error`, by Stop

  std::mutex control;               // one Start or Stop at a time; taken before `mutex`
  std::thread writer;               // under `control`
  std::unique_ptr<TraceFile> file;  // the writer's
};

Recorder::Recorder() : state_(std::make_unique<State>()) {}

Recorder::~Recorder() {
  [[maybe_unused]] const auto stopped = Stop();  // nobody is left to be told
}

std::uint64_t Recorder::BoundOf(double sample) {
  constexpr std::uint64_t kAll = std::uint64_t{1} << 63;
  const auto bound = static_cast<std::uint64_t>(sample * 0x1p63);
  return sample >= 1 ? kAll : bound == 0 ? 1 : bound;
}

Result<void> Recorder::Start(const RecordOptions& options) {
  if (auto valid = options.Validate(); !valid) return valid;
  State& state = *state_;
  const std::lock_guard control(state.control);
  if (on()) {
    return Fail(
        ErrorCode::kInvalidArgument,
        fmt::format("already recording into {}: stop that first", Printable(GetStats().path)));
  }
  if (state.writer.joinable()) state.writer.join();  // of one that has failed
  // What takes memory comes first: a file that stays behind is one that the next call refuses.
  std::string lines;
  lines.reserve(kMostBuffered);
  RecordingStats stats = {.active = true,
                          .path = options.path,
                          .sample = options.sample,
                          .requests = 0,
                          .bytes = 0,
                          .error = {}};
  auto file = TraceFile::Create(options.path, options.replace);
  if (!file) return std::unexpected(std::move(file.error()));
  {
    const std::lock_guard lock(state.mutex);
    state.lines = std::move(lines);
    state.requests = 0;
    state.stats = std::move(stats);
    state.wait = options.wait;
    state.ending = false;
    state.error.reset();
    state.untold = false;
    state.file = *std::move(file);
  }
  try {
    state.writer = StartWithoutSignals([this] { WriteFile(); });
  } catch (const std::exception& error) {  // std::system_error, std::bad_alloc
    const std::lock_guard lock(state.mutex);
    state.stats.active = false;
    state.lines = {};
    state.file->Abandon();
    state.file.reset();
    return Fail(ErrorCode::kInternal, fmt::format("cannot start a thread: {}", error.what()));
  }
  const std::lock_guard lock(state.mutex);
  if (!state.ending) bound_.store(BoundOf(options.sample), std::memory_order_relaxed);
  return {};
}

Result<RecordingStats> Recorder::Stop() {
  State& state = *state_;
  const std::lock_guard control(state.control);
  {
    const std::lock_guard lock(state.mutex);
    if (!state.stats.active && !state.untold) {
      return Fail(ErrorCode::kInvalidArgument, "nothing is being recorded");
    }
    bound_.store(0, std::memory_order_relaxed);
    state.stats.active = false;
    state.ending = true;
    state.work.notify_one();
    state.room.notify_all();
  }
  if (state.writer.joinable()) state.writer.join();
  const std::lock_guard lock(state.mutex);
  if (!state.untold) return StatsOf(state);
  Error error = *state.error;
  state.untold = false;
  return std::unexpected(std::move(error));
}

RecordingStats Recorder::GetStats() const {
  const std::lock_guard lock(state_->mutex);
  return StatsOf(*state_);
}

RecordingStats Recorder::StatsOf(const State& state) {
  RecordingStats stats = state.stats;
  stats.requests = state.requests;
  if (state.error) stats.error = state.error->message;
  return stats;
}

void Recorder::Record(std::uint64_t hash, const TraceLine& line) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  const auto full = [&] { return state.lines.size() + line.view().size() > kMostBuffered; };
  while (Wants(hash) && full()) {
    if (state.wait) {
      state.room.wait(lock);
    } else {
      EndWith(TooSlow(state.stats.path));
    }
  }
  // Looked at again: the recording may have ended, or be another one, of other keys.
  if (!Wants(hash)) return;
  const bool woken = state.lines.size() >= kWorthWriting;
  state.lines += line.view();
  ++state.requests;
  const bool wake = !woken && state.lines.size() >= kWorthWriting;
  lock.unlock();
  if (wake) state.work.notify_one();
}

void Recorder::EndWith(Error error) noexcept {
  State& state = *state_;
  bound_.store(0, std::memory_order_relaxed);
  state.stats.active = false;
  state.ending = true;
  if (!state.error) {
    state.error = std::move(error);
    state.untold = true;
  }
  state.work.notify_one();
  state.room.notify_all();
}

// The writer. When the recording ends it takes what is left.
void Recorder::WriteFile() {
  State& state = *state_;
  std::string taken;
  std::unique_lock lock(state.mutex);
  for (bool last = false; !last;) {
    state.work.wait_for(lock, kLongestDelay,
                        [&] { return state.ending || state.lines.size() >= kWorthWriting; });
    last = state.ending;
    Result<void> written;
    try {
      taken.reserve(kMostBuffered);
      std::swap(taken, state.lines);
      state.room.notify_all();
      lock.unlock();
      written = state.file->Write(taken);
      if (written && last) written = state.file->Finish();
    } catch (const std::bad_alloc&) {
      written = Fail(ErrorCode::kInternal, "out of memory");
    }
    taken.clear();
    if (!lock.owns_lock()) lock.lock();
    state.stats.bytes = state.file->bytes();
    if (!written) {
      EndWith(std::move(written.error()));
      break;
    }
  }
  state.file.reset();
  state.lines = {};  // its memory
}

}  // namespace kvcache
