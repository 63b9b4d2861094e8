// What a simulation needs of a trace: hashes of keys, and sizes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kvcache/error.h"
#include "simulate/trace_reader.h"

namespace kvcache {

enum class SizeUnit {
  kObjects,  // every object takes one unit of a cache
  kBytes,    // an object takes its size
};

// Bytes of an entry's in the memory tier's tables, 9 to 14, by when they have grown; and in the
// order of a policy that keeps nothing else.
inline constexpr std::uint32_t kTableBytes = 11;
inline constexpr std::uint32_t kOrderBytes = 16;

// What an object of a trace takes of a cache.
struct ObjectSizes {
  // NOLINTNEXTLINE(google-explicit-constructor): often the unit is all there is to say
  ObjectSizes(SizeUnit its_unit) : unit(its_unit) {}

  SizeUnit unit;
  // Where bytes count:
  std::uint32_t unknown =
      0;  // of an object whose size the trace does not tell; 0: that is an error
  // What the memory tier takes for a key and a value of that size, under a policy that keeps
  // nothing but an order, and with memory enough for size classes to be narrow (8 MiB and more).
  bool in_tier = false;
};

struct SimulatedRequest {
  std::uint64_t hash;
  std::uint32_t size;  // bytes, 1 where the trace does not say; at most 2^32 - 1
};

// Reads a trace in batches. Not thread-safe.
class RequestReader {
 public:
  static constexpr std::size_t kBatch = std::size_t{1} << 14;
  static constexpr std::uint64_t kAll = ~std::uint64_t{0};

  // The trace ends after `most` requests, even if there are more: one that is still being recorded
  // grows from pass to pass. Errors: as TraceReader's; in bytes a request without a size is
  // malformed too.
  static Result<RequestReader> Open(const std::string& path, const TraceOptions& options,
                                    const ObjectSizes& sizes, std::uint64_t most = kAll);

  // Replaces `batch` by the next requests, at most kBatch; by none at the end.
  Result<void> Next(std::vector<SimulatedRequest>& batch);

  // Of the requests read so far:
  bool has_sizes() const { return has_sizes_; }  // any of them
  const TraceReader& trace() const { return *reader_; }

 private:
  RequestReader(std::unique_ptr<TraceReader> reader, std::string path, const ObjectSizes& sizes,
                std::uint64_t most)
      : reader_(std::move(reader)), path_(std::move(path)), sizes_(sizes), left_(most) {}

  Result<std::uint64_t> SizeOf(const TraceRequest& request) const;

  std::unique_ptr<TraceReader> reader_;
  std::string path_;
  ObjectSizes sizes_;
  std::uint64_t left_;  // requests
  bool has_sizes_ = false;
};

}  // namespace kvcache
