#include "simulate/simulation.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <memory>
#include <utility>

#include "simulate/lane.h"
#include "simulate/worker_threads.h"

namespace kvcache {
namespace {

// Rounds, each of one batch: while the lanes run over it, one thread reads the next.
class Simulator {
 public:
  Simulator(RequestReader& reader, std::vector<std::unique_ptr<Lane>>& lanes,
            const SimulationOptions& options)
      : reader_(reader),
        lanes_(lanes),
        options_(options),
        round_(static_cast<std::ptrdiff_t>(std::max(options.threads, 1U)), EndRound{this}) {}

  Result<void> Run() {
    if (auto read = reader_.Next(batch_); !read) return read;
    {
      const auto others = StartThreads(options_.threads, [this] { Work(); });
      // Nobody is to wait for those that could not be started.
      for (std::size_t i = others.size() + 1; i < options_.threads; ++i) round_.arrive_and_drop();
      Work();
    }
    thrown_.Rethrow();
    return read_;
  }

 private:
  struct EndRound {
    Simulator* simulator;
    void operator()() const noexcept { simulator->NextRound(); }
  };

  void Work() {
    while (!batch_.empty()) {
      thrown_.Catch([this] { RunTasks(); });
      round_.arrive_and_wait();
    }
  }

  void RunTasks() {
    for (std::size_t task = task_++; task <= lanes_.size(); task = task_++) {
      if (task == 0) {
        read_ = reader_.Next(next_batch_);
      } else {
        lanes_[task - 1]->Run(batch_, first_);
      }
    }
  }

  void NextRound() {
    first_ += batch_.size();
    thrown_.Catch([this] { options_.progress(first_); });
    if (!read_ || thrown_.caught()) next_batch_.clear();
    std::swap(batch_, next_batch_);
    task_ = 0;
  }

  RequestReader& reader_;
  std::vector<std::unique_ptr<Lane>>& lanes_;
  const SimulationOptions& options_;
  std::vector<SimulatedRequest> batch_;
  std::vector<SimulatedRequest> next_batch_;
  std::uint64_t first_ = 0;  // the number of the batch's first request
  Result<void> read_;
  FirstException thrown_;
  std::atomic<std::size_t> task_{0};  // of this round: 0 is to read, the others are lanes
  std::barrier<EndRound> round_;
};

}  // namespace

bool HasOpt(std::span<const SimulatedCase> cases) {
  return std::ranges::any_of(cases, [](const SimulatedCase& wanted) { return !wanted.policy; });
}

Result<std::vector<SimulationResult>> Simulate(const std::string& path,
                                               std::span<const SimulatedCase> cases,
                                               const SimulationOptions& options,
                                               const PageVector<std::uint32_t>& next_uses) {
  const std::uint64_t known = HasOpt(cases) ? next_uses.size() : RequestReader::kAll;
  auto reader =
      RequestReader::Open(path, options.trace, options.sizes, std::min(options.requests, known));
  if (!reader) return std::unexpected(reader.error());
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const SimulatedCase& wanted : cases) {
    lanes.push_back(std::make_unique<Lane>(wanted, options.sizes.unit, next_uses));
  }
  if (auto run = Simulator(*reader, lanes, options).Run(); !run) {
    return std::unexpected(run.error());
  }
  std::vector<SimulationResult> results;
  for (const auto& lane : lanes) results.push_back(lane->result());
  return results;
}

}  // namespace kvcache
