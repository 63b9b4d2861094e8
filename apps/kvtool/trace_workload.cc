#include "trace_workload.h"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/printable.h"
#include "progress.h"
#include "simulate/key_numbers.h"
#include "trace_flags.h"

namespace kvcache::kvtool {
namespace {

// The keys of a trace, numbered as they first come, read again and again; threads begin apart.
class ReplayedTrace : public Workload {
 public:
  using Requests = std::shared_ptr<const std::vector<std::uint32_t>>;
  ReplayedTrace(Requests requests, ClientId client)
      : requests_(std::move(requests)), next_(requests_->size() / client.threads * client.thread) {}
  Request Next() override { return {.record = (*requests_)[next_++ % requests_->size()]}; }

 private:
  const Requests requests_;
  std::uint64_t next_;
};

}  // namespace

Outcome<WorkloadInfo> TraceWorkload(const std::string& path) {
  auto reader = TraceReader::Open(path);
  if (!reader) return std::unexpected(reader.error());
  Progress progress("read the trace", "requests");
  KeyNumbers keys;
  std::vector<std::uint32_t> requests;
  const auto read =
      ForEachRequest(**reader, progress, [&](const TraceRequest& request) -> Outcome<void> {
        requests.push_back(keys.Number(HashKey(request.key, 0)).first);
        return {};
      });
  if (!read) return std::unexpected(read.error());
  if (requests.empty()) return Failed(fmt::format("{}: a trace without requests", Printable(path)));
  const auto shared = std::make_shared<const std::vector<std::uint32_t>>(std::move(requests));
  return WorkloadInfo{
      .name = std::filesystem::path(path).filename().string(),
      .help = fmt::format("reads of a trace, {} requests", GroupDigits(shared->size())),
      .ordered = false,
      .make = [shared](std::uint64_t, ClientId client,
                       std::uint64_t) { return std::make_unique<ReplayedTrace>(shared, client); },
      .records = keys.size()};
}

}  // namespace kvcache::kvtool
