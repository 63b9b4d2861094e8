#include "simulate/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/hash.h"
#include "base/printable.h"
#include "tier/entry.h"
#include "tier/slab_allocator.h"

namespace kvcache {
namespace {

constexpr std::uint64_t kMostBytes = std::numeric_limits<std::uint32_t>::max();

std::uint64_t BytesInTier(std::size_t key_bytes, std::size_t value_bytes) {
  constexpr std::size_t kAlignment = 16;
  const std::size_t footprint = Entry::Footprint(key_bytes, value_bytes, kAlignment);
  return SlabAllocator::ChargeAmidPlenty(footprint, kAlignment) + kTableBytes + kOrderBytes;
}

}  // namespace

Result<RequestReader> RequestReader::Open(const std::string& path, const TraceOptions& options,
                                          const ObjectSizes& sizes, std::uint64_t most) {
  auto reader = TraceReader::Open(path, options);
  if (!reader) return std::unexpected(reader.error());
  return RequestReader(std::move(*reader), options.name.empty() ? path : options.name, sizes, most);
}

Result<void> RequestReader::Next(std::vector<SimulatedRequest>& batch) {
  batch.clear();
  TraceRequest request;
  while (left_ > 0 && batch.size() < kBatch) {
    const Result<bool> more = reader_->Next(request);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    has_sizes_ |= request.has_size;
    std::uint64_t size = request.has_size ? request.size : 1;
    if (sizes_.unit == SizeUnit::kBytes) {
      const Result<std::uint64_t> bytes = SizeOf(request);
      if (!bytes) {
        if (reader_->Skips(bytes.error())) continue;
        return std::unexpected(bytes.error());
      }
      size = *bytes;
    }
    batch.push_back(
        {HashKey(request.key, 0), static_cast<std::uint32_t>(std::min(size, kMostBytes))});
    --left_;
  }
  return {};
}

Result<std::uint64_t> RequestReader::SizeOf(const TraceRequest& request) const {
  if (!request.has_size && sizes_.unknown == 0) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("{}:{}: no size, and the cache is measured in bytes; give its size in "
                            "objects, or a trace of `key,size`",
                            Printable(path_), request.line));
  }
  const std::uint64_t size = request.has_size ? request.size : sizes_.unknown;
  if (!sizes_.in_tier) return size;
  // Where the trace tells a key's size, the key itself may stand for another one.
  const std::uint64_t key = request.key_size > 0 ? request.key_size : request.key.size();
  // More is cut off in any case, and added to it nothing overflows.
  return BytesInTier(std::min(key, kMostBytes), std::min(size - request.key_size, kMostBytes));
}

}  // namespace kvcache
