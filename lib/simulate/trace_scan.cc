#include "simulate/trace_scan.h"

#include <algorithm>
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

// When each key was used last, and the least size that it had: a cache may hold it with that one.
class KeyUses {
 public:
  explicit KeyUses(SizeUnit unit) : unit_(unit) {}

  struct Use {
    std::uint64_t number;  // of the request
    std::uint32_t key;
    bool is_new;
  };
  void Add(TraceScan& scan, const Use& use, std::uint32_t size) {
    const std::uint32_t takes = unit_ == SizeUnit::kBytes ? size : 1;
    scan.next_uses.push_back(0);
    if (use.is_new) {
      last_uses_.push_back(use.number);
      least_sizes_.push_back(takes);
      return;
    }
    const std::uint64_t last = std::exchange(last_uses_[use.key], use.number);
    LinkUses(scan.next_uses, last, use.number);
    scan.opt_bound.AddReuse(least_sizes_[use.key], use.number - last, size);
    least_sizes_[use.key] = std::min(least_sizes_[use.key], takes);
  }

 private:
  const SizeUnit unit_;
  PageVector<std::uint64_t> last_uses_;
  PageVector<std::uint32_t> least_sizes_;
};

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
                            const ObjectSizes& sizes, bool uses, const OnProgress& progress) {
  auto reader = RequestReader::Open(path, options, sizes);
  if (!reader) return std::unexpected(reader.error());
  TraceScan scan;
  KeyNumbers keys;
  KeyUses key_uses(sizes.unit);
  std::vector<SimulatedRequest> batch;
  do {
    if (auto read = reader->Next(batch); !read) return std::unexpected(read.error());
    for (const SimulatedRequest& request : batch) {
      const std::uint64_t number = scan.requests++;
      const auto [key, is_new] = keys.Number(request.hash);
      if (is_new) scan.bytes += request.size;
      scan.requested_bytes += request.size;
      if (uses) key_uses.Add(scan, {.number = number, .key = key, .is_new = is_new}, request.size);
    }
    progress(scan.requests);
  } while (!batch.empty());
  scan.objects = keys.size();
  scan.has_sizes = reader->has_sizes();
  scan.bad_lines = reader->trace().bad_lines();
  scan.first_bad_line = reader->trace().first_bad_line();
  return scan;
}

}  // namespace kvcache
