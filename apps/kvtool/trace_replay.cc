#include "trace_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "full_batch.h"
#include "progress.h"
#include "recording.h"
#include "simulate/key_numbers.h"
#include "simulate/trace_reader.h"
#include "trace_flags.h"

namespace kvcache::kvtool {
namespace {

constexpr std::uint64_t kStandardValueSize = 100;
constexpr std::uint64_t kLargestValueSize = std::uint64_t{1} << 30;
// Requests that a thread takes at a time: few enough to keep the trace's order nearly, enough for
// the lock not to matter.
constexpr std::size_t kChunkRequests = 256;

// Bytes that do not compress, so that the store's compression flatters nobody.
void FillValue(std::uint64_t seed, std::uint64_t size, std::string& value) {
  value.resize(size);
  std::uint64_t state = seed | 1;
  for (std::size_t at = 0; at < size; at += sizeof state) {
    state ^= state << 13;  // xorshift64, Marsaglia 2003
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(value.data() + at, &state, std::min<std::size_t>(sizeof state, size - at));
  }
}

class KeyStorer {
 public:
  explicit KeyStorer(Cache& cache) : cache_(cache) {}

  Outcome<void> Take(const TraceRequest& request) {
    ++result_.requests;
    const std::uint64_t hash = HashKey(request.key, 0);
    if (!seen_.Number(hash).second) return {};
    const auto exists = cache_.Contains(request.key);
    if (!exists) return std::unexpected(exists.error());
    if (*exists) return {};
    const std::uint64_t size = request.has_size ? request.size : kStandardValueSize;
    if (size > kLargestValueSize) {
      return Failed(fmt::format("line {} of the trace: an object of {} bytes; 1 GiB is the most",
                                request.line, size));
    }
    FillValue(hash, size, value_);
    batch_.Put(request.key, value_);
    ++result_.stored;
    return IsFull(batch_) ? WriteBatch() : Outcome<void>();
  }

  Outcome<void> WriteBatch() {
    if (batch_.empty()) return {};
    const auto written = cache_.Write(batch_, {.sync = false, .fill_tier = false});
    if (!written) return std::unexpected(written.error());
    batch_.Clear();
    return {};
  }

  StoredKeys result() const {
    StoredKeys result = result_;
    result.keys = seen_.size();
    return result;
  }

 private:
  Cache& cache_;
  KeyNumbers seen_;
  Batch batch_;
  std::string value_;
  StoredKeys result_;
};

// Keys of consecutive requests, copied: the reader's view lasts only until its next request.
class Chunk {
 public:
  void Clear() {
    bytes_.clear();
    ends_.clear();
  }
  void Add(std::string_view key) {
    bytes_ += key;
    ends_.push_back(bytes_.size());
  }
  std::size_t size() const { return ends_.size(); }
  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

// The trace as threads share it. The first failure, of the trace or of a thread, ends it for all.
class SharedTrace {
 public:
  SharedTrace(Session& session, TraceReader& reader, std::uint64_t requests)
      : session_(session), reader_(reader) {
    if (requests > 0) progress_.set_total(requests);
  }

  // False when there is nothing more to do.
  bool Next(Chunk& chunk) {
    const std::lock_guard lock(mutex_);
    chunk.Clear();
    if (!failure_ && session_.Interrupted()) failure_ = InterruptedAfter(taken_);
    while (!failure_ && chunk.size() < kChunkRequests) {
      const auto more = reader_.Next(request_);
      if (!more) failure_ = BadTrace(more.error());
      if (!more || !*more) break;
      chunk.Add(request_.key);
    }
    taken_ += chunk.size();
    progress_.Update({taken_, std::nullopt});
    return !failure_ && chunk.size() > 0;
  }

  void Fail(const Failure& failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = failure;
  }

  // Once all threads are done: leaves the terminal's line empty, and tells the failure.
  const std::optional<Failure>& End() {
    progress_.Erase();
    return failure_;
  }

 private:
  std::mutex mutex_;
  Session& session_;
  TraceReader& reader_;
  TraceRequest request_;
  Progress progress_{"replay", "requests"};
  std::uint64_t taken_ = 0;
  std::optional<Failure> failure_;
};

ReplayResult ReplayChunks(SharedTrace& trace, Cache& cache) {
  using SteadyClock = std::chrono::steady_clock;
  ReplayResult result;
  Chunk chunk;
  std::string value;
  while (trace.Next(chunk)) {
    const auto start = SteadyClock::now();
    auto before = start;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      if (const auto found = cache.Get(chunk[i], value); !found) {
        trace.Fail(found.error());
        return result;
      }
      const auto after = SteadyClock::now();
      result.latency.Record(
          static_cast<std::uint64_t>((after - before) / std::chrono::nanoseconds(1)));
      before = after;
    }
    result.requests += chunk.size();
    result.seconds += std::chrono::duration<double>(before - start).count();
  }
  return result;
}

}  // namespace

Outcome<StoredKeys> StoreMissingKeys(Session& session, const std::string& trace,
                                     const TraceOptions& options, Cache& cache) {
  const auto reader = TraceReader::Open(trace, options);
  if (!reader) return std::unexpected(reader.error());
  Progress progress("prepare", "requests");
  KeyStorer storer(cache);
  std::uint64_t requests = 0;
  const auto read =
      ForEachRequest(**reader, progress, [&](const TraceRequest& request) -> Outcome<void> {
        if (requests++ % kChunkRequests == 0 && session.Interrupted()) {
          return Failed("interrupted while keys were stored; nothing is recorded");
        }
        return storer.Take(request);
      });
  if (!read) return std::unexpected(read.error());
  if (auto written = storer.WriteBatch(); !written) return std::unexpected(written.error());
  return storer.result();
}

Outcome<ReplayResult> ReplayTrace(Session& session, const std::string& trace,
                                  const TraceOptions& options, Cache& cache, unsigned threads,
                                  std::uint64_t requests) {
  const auto reader = TraceReader::Open(trace, options);
  if (!reader) return std::unexpected(reader.error());
  SharedTrace shared(session, **reader, requests);
  std::vector<ReplayResult> results(threads);
  {
    std::vector<std::jthread> workers;
    for (ReplayResult& result : results) {
      workers.emplace_back([&] { result = ReplayChunks(shared, cache); });
    }
  }
  if (const auto& failure = shared.End()) return std::unexpected(*failure);
  TellBadLines(**reader);
  ReplayResult total;
  total.other_operations = (*reader)->other_operations();
  total.bad_lines = (*reader)->bad_lines();
  for (const ReplayResult& result : results) {
    total.requests += result.requests;
    total.seconds = std::max(total.seconds, result.seconds);
    total.latency += result.latency;
  }
  return total;
}

}  // namespace kvcache::kvtool
