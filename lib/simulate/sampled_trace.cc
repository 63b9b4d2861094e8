#include "simulate/sampled_trace.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "simulate/key_numbers.h"

namespace kvcache {
namespace {

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

// What decides whether a key is sampled. Not its hash itself: caches find keys by that, and the
// sample's would all be in one part of their tables.
std::uint64_t Draw(std::uint64_t hash) {
  hash *= 0x9E3779B97F4A7C15;
  return (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93;
}

// Keys of least draw, and their requests.
class Sampler {
 public:
  explicit Sampler(std::size_t most_keys) : most_keys_(most_keys) {}

  void Add(const SimulatedRequest& request) {
    if (Draw(request.hash) >= bound_) return;
    requests_.push_back(request);
    keys_.Number(request.hash);
    // Not at once: each cut is a pass over the requests.
    if (keys_.size() >= 2 * most_keys_) Cut();
  }

  void Finish() {
    if (keys_.size() > most_keys_) Cut();
  }

  std::size_t keys() const { return keys_.size(); }
  double rate() const {
    return bound_ == kAll ? 1 : static_cast<double>(bound_) / static_cast<double>(kAll);
  }
  std::vector<SimulatedRequest> TakeRequests() { return std::move(requests_); }

 private:
  void Cut() {
    std::vector<std::uint64_t> draws;
    for (std::uint32_t i = 0; i < keys_.size(); ++i) draws.push_back(Draw(keys_.HashAt(i)));
    const auto bound = draws.begin() + static_cast<std::ptrdiff_t>(most_keys_);
    std::ranges::nth_element(draws, bound);
    bound_ = *bound;
    std::erase_if(requests_, [this](const auto& request) { return Draw(request.hash) >= bound_; });
    keys_ = {};
    for (const SimulatedRequest& request : requests_) keys_.Number(request.hash);
  }

  const std::size_t most_keys_;
  std::uint64_t bound_ = kAll;  // draws below it are sampled
  std::vector<SimulatedRequest> requests_;
  KeyNumbers keys_;
};

// Each key with its first size.
std::uint64_t BytesOf(const std::vector<SimulatedRequest>& requests) {
  KeyNumbers keys;
  std::uint64_t bytes = 0;
  for (const SimulatedRequest& request : requests) {
    if (keys.Number(request.hash).second) bytes += request.size;
  }
  return bytes;
}

double ShareOf(double expected, std::uint64_t part) {
  return expected == 0 ? 0 : std::min(1.0, static_cast<double>(part) / expected);
}

}  // namespace

double SampledTrace::MissRatio(std::uint64_t misses) const {
  return ShareOf(rate * static_cast<double>(all_requests), misses);
}

double SampledTrace::ByteMissRatio(std::uint64_t missed_bytes) const {
  return ShareOf(rate * static_cast<double>(all_requested_bytes), missed_bytes);
}

Result<SampledTrace> SampleTrace(const std::string& path, const TraceOptions& options,
                                 const ObjectSizes& sizes, std::size_t most_keys,
                                 const OnProgress& progress) {
  auto reader = RequestReader::Open(path, options, sizes);
  if (!reader) return std::unexpected(reader.error());
  Sampler sampler(most_keys);
  SampledTrace sample;
  std::vector<SimulatedRequest> batch;
  do {
    if (auto read = reader->Next(batch); !read) return std::unexpected(read.error());
    for (const SimulatedRequest& request : batch) {
      sampler.Add(request);
      sample.all_requested_bytes += request.size;
    }
    sample.all_requests += batch.size();
    progress(sample.all_requests);
  } while (!batch.empty());
  sampler.Finish();

  sample.keys = sampler.keys();
  sample.rate = sampler.rate();
  sample.requests = sampler.TakeRequests();
  const auto all = [&sample](std::uint64_t sampled) {
    return static_cast<std::uint64_t>(std::llround(static_cast<double>(sampled) / sample.rate));
  };
  sample.all_keys = all(sample.keys);
  sample.all_bytes = all(BytesOf(sample.requests));
  sample.has_sizes = reader->has_sizes();
  sample.bad_lines = reader->trace().bad_lines();
  sample.first_bad_line = reader->trace().first_bad_line();
  return sample;
}

SampledTrace HalfOf(const SampledTrace& sample, bool second) {
  SampledTrace half = sample;
  std::erase_if(half.requests, [second](const SimulatedRequest& request) {
    return ((Draw(request.hash) & 1) != 0) != second;
  });
  KeyNumbers keys;
  for (const SimulatedRequest& request : half.requests) keys.Number(request.hash);
  half.keys = keys.size();
  if (sample.keys > 0) {
    half.rate *= static_cast<double>(half.keys) / static_cast<double>(sample.keys);
  }
  return half;
}

}  // namespace kvcache
