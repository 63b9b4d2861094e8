#include "simulate/trace_scan.h"

#include <utility>

#include "simulate/key_numbers.h"

namespace kvcache {
namespace {

// Enters request number `request`, the last one before it for the same key being `last`.
void LinkUses(PageVector<std::uint32_t>& next_uses, std::uint64_t last, std::uint64_t request) {
  // One that is 2^32 requests away counts as never.
  if (request - last <= ~std::uint32_t{0}) {
    next_uses[last] = static_cast<std::uint32_t>(request - last);
  }
}

}  // namespace

PageVector<std::uint32_t> NextUses(std::span<const SimulatedRequest> requests) {
  PageVector<std::uint32_t> next_uses;
  next_uses.resize(requests.size());
  KeyNumbers keys;
  PageVector<std::uint64_t> last_uses;
  for (std::uint64_t i = 0; i < requests.size(); ++i) {
    const auto [key, is_new] = keys.Number(requests[i].hash);
    if (is_new) {
      last_uses.push_back(i);
    } else {
      LinkUses(next_uses, std::exchange(last_uses[key], i), i);
    }
  }
  return next_uses;
}

Result<TraceScan> ScanTrace(const std::string& path, const TraceOptions& options,
                            const ObjectSizes& sizes, bool next_uses, const OnProgress& progress) {
  auto reader = RequestReader::Open(path, options, sizes);
  if (!reader) return std::unexpected(reader.error());
  TraceScan scan;
  KeyNumbers keys;
  PageVector<std::uint64_t> last_uses;
  std::vector<SimulatedRequest> batch;
  do {
    if (auto read = reader->Next(batch); !read) return std::unexpected(read.error());
    for (const SimulatedRequest& request : batch) {
      const std::uint64_t number = scan.requests++;
      const auto [key, is_new] = keys.Number(request.hash);
      if (is_new) scan.bytes += request.size;
      if (!next_uses) continue;
      scan.next_uses.push_back(0);
      if (is_new) {
        last_uses.push_back(number);
      } else {
        LinkUses(scan.next_uses, std::exchange(last_uses[key], number), number);
      }
    }
    progress(scan.requests);
  } while (!batch.empty());
  scan.objects = keys.size();
  scan.bad_lines = reader->trace().bad_lines();
  scan.first_bad_line = reader->trace().first_bad_line();
  return scan;
}

}  // namespace kvcache
