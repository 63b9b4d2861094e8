// Rounds of kvtool bench: the same requests to each side by turns, measured.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench_systems.h"
#include "kvcache/stats.h"
#include "outcome.h"
#include "workload.h"

namespace kvcache::kvtool {

struct Round {
  std::uint64_t operations = 0;
  std::uint64_t pairs = 0;          // asked for or written: one an operation, but for scans
  double seconds = 0;               // from the first operation to the last
  double cpu_seconds = 0;           // of the threads that ask
  std::uint64_t device_reads = 0;   // made by them
  std::uint64_t reads = 0;          // requests for one key
  std::uint64_t reads_at_once = 0;  // of these, answered without the device
  TierFigures tier;
  LatencyHistogram latency;  // of one call in eight

  // What can be counted together: all but `seconds`. Of `tier` the mean, by operations.
  void Add(const Round& other);
};

struct ClientOptions {
  std::size_t value_bytes = 0;
  unsigned threads = 1;
  std::size_t batch = 1;  // reads that follow one another are asked for up to so many at once
};

// Operations a second, and so on, over the rounds of a side.
struct Summary {
  std::string name;
  std::uint64_t operations_before = 0;  // of the workload, before the first round
  double operations_per_second = 0;     // median of the rounds
  double cpu_us = 0;                    // an operation, as are
  double device_reads = 0;
  double hit_ratio = 0;  // reads answered without the device
  TierFigures tier;
  std::string policy;    // of the tier
  MemoryFigures memory;  // after the last round
  LatencyHistogram latency;

  double modelled_us(double read_us) const { return device_reads * read_us + cpu_us; }
};

// A system and the workload's threads, which go on where the round before ended.
class Side {
 public:
  // Workload threads draw the same requests for every side.
  Side(std::string_view name, std::unique_ptr<System> system, const WorkloadInfo& workload,
       std::uint64_t records, const ClientOptions& options);

  unsigned threads() const { return options_.threads; }
  // From now on another workload's requests, from their beginning. Sides that have run as many of
  // one are asked for the same next.
  void Follow(const WorkloadInfo& workload, std::uint64_t records);
  // Runs so many operations, shared out among the threads, which run as many each. What a system
  // throws, std::bad_alloc say, reaches the caller when all have ended.
  Outcome<Round> Run(std::uint64_t operations);
  // Of these rounds, its last ones, and of the system as they have left it.
  Summary Summarize(const std::vector<Round>& rounds) const;

 private:
  // The requests of a round are drawn before it begins. What they write is made then too, once for
  // all, as making it would be measured, and memory for all of it be much.
  struct Prepared {
    std::vector<Request> requests;
    std::string keys;  // one after the other
  };
  struct Client {
    std::unique_ptr<Workload> workload;
    Prepared prepared;
    std::string value;       // as long as any that is written, which are its beginnings, stamped
    std::uint64_t puts = 0;  // so far
    std::string found;
    Round round;
    Result<void> outcome;
  };

  void Prepare(Client& client, std::uint64_t operations) const;
  Outcome<void> RunClients();
  void RunClient(Client& client);
  std::size_t ReadsTogether(std::span<const Request> requests) const;
  Result<void> ReadMany(std::string_view keys, Round& round);
  Result<void> Do(Client& client, const Request& request, std::string_view key);
  Result<void> Write(Client& client, const Request& request, std::string_view key);

  std::string name_;
  std::unique_ptr<System> system_;
  bool ordered_ = false;
  ClientOptions options_;
  std::uint64_t operations_ = 0;
  std::vector<Client> clients_;
};

}  // namespace kvcache::kvtool
