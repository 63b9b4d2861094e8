#include "bench_rounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <ctime>
#include <utility>

#include "simulate/worker_threads.h"

namespace kvcache::kvtool {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kTimedOneIn = 8;

double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double Median(std::vector<double> numbers) {
  std::ranges::sort(numbers);
  const std::size_t half = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[half] : (numbers[half - 1] + numbers[half]) / 2;
}

}  // namespace

void Round::Add(const Round& other) {
  operations += other.operations;
  pairs += other.pairs;
  if (operations > 0) {
    const double part = static_cast<double>(other.operations) / static_cast<double>(operations);
    tier.hit_ratio += (other.tier.hit_ratio - tier.hit_ratio) * part;
    tier.share += (other.tier.share - tier.share) * part;
  }
  cpu_seconds += other.cpu_seconds;
  device_reads += other.device_reads;
  reads += other.reads;
  reads_at_once += other.reads_at_once;
  latency += other.latency;
}

Side::Side(std::string_view name, std::unique_ptr<System> system, const WorkloadInfo& workload,
           std::uint64_t records, const ClientOptions& options)
    : name_(name), system_(std::move(system)), options_(options), clients_(options.threads) {
  Follow(workload, records);
}

void Side::Follow(const WorkloadInfo& workload, std::uint64_t records) {
  ordered_ = workload.ordered;
  operations_ = 0;
  for (unsigned i = 0; i < options_.threads; ++i) {
    clients_[i].workload =
        workload.make(records, {.thread = i, .threads = options_.threads}, std::uint64_t{i} + 1);
  }
}

void Side::Prepare(Client& client, std::uint64_t operations) const {
  client.prepared = {};
  client.prepared.requests.reserve(operations);
  client.prepared.keys.reserve(operations * kKeyBytes);
  std::size_t longest = options_.value_bytes;
  for (std::uint64_t i = 0; i < operations; ++i) {
    const Request& request = client.prepared.requests.emplace_back(client.workload->Next());
    client.prepared.keys += KeyOf(request.record, ordered_);
    longest = std::max<std::size_t>(longest, request.bytes);
  }
  if (client.value.size() < longest) MakeValue(0, longest, client.value);
}

Outcome<Round> Side::Run(std::uint64_t operations) {
  for (Client& client : clients_) Prepare(client, operations / clients_.size());
  if (auto run = RunClients(); !run) return std::unexpected(run.error());
  Round round;
  for (Client& client : clients_) {
    if (!client.outcome) return std::unexpected(client.outcome.error());
    client.prepared = {};  // the other sides are to have this memory
    round.Add(client.round);
    round.seconds = std::max(round.seconds, client.round.seconds);
  }
  round.tier = system_->Tier();
  operations_ += round.operations;
  return round;
}

// Each in a thread of its own, together, or none.
Outcome<void> Side::RunClients() {
  Clock::time_point begin;
  FirstException thrown;
  std::atomic<std::size_t> next{0};
  std::size_t started = clients_.size();
  std::barrier together(static_cast<std::ptrdiff_t>(clients_.size()),
                        [&begin]() noexcept { begin = Clock::now(); });
  {
    // One more than there are clients: this thread is none of them.
    const auto threads = StartThreads(clients_.size() + 1, [&] {
      Client& client = clients_[next++];
      together.arrive_and_wait();
      if (started < clients_.size()) return;
      thrown.Catch([&] { RunClient(client); });
      client.round.seconds = SecondsSince(begin);
    });
    // Nobody is to wait for those that could not be started.
    if (threads.size() < clients_.size()) started = threads.size();
    for (std::size_t i = threads.size(); i < clients_.size(); ++i) together.arrive_and_drop();
  }
  thrown.Rethrow();
  if (started == clients_.size()) return {};
  return Failed(fmt::format("cannot start {} threads: the system gives {}; give fewer --threads",
                            clients_.size(), started));
}

void Side::RunClient(Client& client) {
  Round& round = client.round = {};
  client.outcome = {};
  const double cpu = ThreadSeconds();
  const std::uint64_t device_reads = DeviceReads();
  const std::span<const Request> requests = client.prepared.requests;
  const std::string_view keys = client.prepared.keys;
  std::uint64_t calls = 0;
  for (std::size_t i = 0; i < requests.size(); i = round.operations) {
    const std::size_t count = ReadsTogether(requests.subspan(i));
    const std::string_view asked = keys.substr(i * kKeyBytes, count * kKeyBytes);
    round.operations += count;
    round.pairs += requests[i].kind == Request::Kind::kScan ? requests[i].pairs : count;
    const bool timed = calls++ % kTimedOneIn == 0;
    const auto begin = timed ? Clock::now() : Clock::time_point();
    client.outcome = count > 1 ? ReadMany(asked, round) : Do(client, requests[i], asked);
    if (!client.outcome) return;
    if (timed) {
      round.latency.Record(
          static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count()));
    }
  }
  round.device_reads = DeviceReads() - device_reads;
  round.cpu_seconds = ThreadSeconds() - cpu;
}

// How many of the first requests make one call.
std::size_t Side::ReadsTogether(std::span<const Request> requests) const {
  std::size_t count = 0;
  while (count < std::min(options_.batch, requests.size()) &&
         requests[count].kind == Request::Kind::kRead) {
    ++count;
  }
  return std::max<std::size_t>(count, 1);
}

// One key after the other.
Result<void> Side::ReadMany(std::string_view keys, Round& round) {
  std::vector<std::string_view> each;
  for (std::size_t i = 0; i < keys.size(); i += kKeyBytes) {
    each.push_back(keys.substr(i, kKeyBytes));
  }
  const std::uint64_t before = DeviceReads();
  auto read = system_->MultiGet(each);
  round.reads += each.size();
  round.reads_at_once += each.size() - std::min(DeviceReads() - before, each.size());
  return read;
}

Result<void> Side::Do(Client& client, const Request& request, std::string_view key) {
  using Kind = Request::Kind;
  if (request.kind == Kind::kScan) return system_->Scan(key, request.pairs);
  if (request.kind == Kind::kRead || request.kind == Kind::kReadModifyWrite) {
    const std::uint64_t before = DeviceReads();
    const auto found = system_->Get(key, client.found);
    if (!found) return std::unexpected(found.error());
    ++client.round.reads;
    if (DeviceReads() == before) ++client.round.reads_at_once;
    if (request.kind == Kind::kRead) return {};
  }
  return Write(client, request, key);
}

Result<void> Side::Write(Client& client, const Request& request, std::string_view key) {
  const std::size_t bytes = request.bytes > 0 ? request.bytes : options_.value_bytes;
  const std::span<char> value = std::span(client.value).first(bytes);
  StampValue(request.record, ++client.puts, value);
  return system_->Put(key, {value.data(), value.size()});
}

Summary Side::Summarize(const std::vector<Round>& rounds) const {
  Summary summary;
  summary.name = name_;
  summary.policy = system_->Policy();
  summary.memory = system_->Memory();
  Round all;
  std::vector<double> per_second;
  for (const Round& round : rounds) {
    per_second.push_back(static_cast<double>(round.operations) / round.seconds);
    all.Add(round);
  }
  summary.operations_per_second = Median(std::move(per_second));
  summary.operations_before = operations_ - all.operations;
  const auto operations = static_cast<double>(all.operations);
  summary.tier = all.tier;
  summary.latency = all.latency;
  summary.cpu_us = all.cpu_seconds * 1e6 / operations;
  summary.device_reads = static_cast<double>(all.device_reads) / operations;
  if (all.reads > 0) {
    summary.hit_ratio = static_cast<double>(all.reads_at_once) / static_cast<double>(all.reads);
  }
  return summary;
}

}  // namespace kvcache::kvtool
