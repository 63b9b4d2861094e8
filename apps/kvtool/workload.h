// Workload: the requests of kvtool bench, drawn from the distributions that benchmarks publish.
//
// a to f: YCSB's core workloads (Cooper et al., SoCC 2010) by its parameter files. mixgraph: what
// RocksDB's db_bench makes of Facebook's social graph (Cao et al., FAST 2020), with the parameters
// that its authors publish. uniform, sequential and hotspot: reads alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::kvtool {

struct Request {
  enum class Kind : std::uint8_t {
    kRead,
    kUpdate,
    kInsert,
    kScan,
    kReadModifyWrite,
  };
  Kind kind = Kind::kRead;
  std::uint64_t record = 0;  // number of the key; see KeyOf
  std::uint32_t pairs = 0;   // of a scan
  std::uint32_t bytes = 0;   // of a value that is written; 0: as the others
};

// Who draws: one of so many threads, which insert records of different numbers.
struct ClientId {
  unsigned thread = 0;
  unsigned threads = 1;
};

// An endless sequence, the same for the same seed. Not thread-safe: one for each thread.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual Request Next() = 0;
};

using MakeWorkload = std::function<std::unique_ptr<Workload>(std::uint64_t records, ClientId client,
                                                             std::uint64_t seed)>;

struct WorkloadInfo {
  std::string name;
  std::string help;
  bool ordered;  // keys are in the order of their numbers; else popularity is unrelated to order
  MakeWorkload make;
  std::uint64_t records = 0;  // so many there must be; 0: any number
};

const std::vector<WorkloadInfo>& Workloads();
// Null if there is none of that name.
const WorkloadInfo* FindWorkload(std::string_view name);

inline constexpr std::size_t kKeyBytes = 16;

// The key of a record, of kKeyBytes.
std::string KeyOf(std::uint64_t record, bool ordered);

// The records of a new database, each once and in no order of their keys, as databases grow. Takes
// no memory, however many there are.
class LoadOrder {
 public:
  // Up to 2^32 records.
  explicit LoadOrder(std::uint64_t records);
  // The one that comes `i`th.
  std::uint64_t Record(std::uint64_t i) const { return i * stride_ % records_; }

 private:
  std::uint64_t records_;
  std::uint64_t stride_;
};

// The value that a record has in a new database: of `bytes` bytes, half of them random.
void MakeValue(std::uint64_t record, std::size_t bytes, std::string& value);

// Makes of any value the one that record gets at its `version`th writing: others begin with other
// bytes. Takes the same short time for values of all sizes.
void StampValue(std::uint64_t record, std::uint64_t version, std::span<char> value);

}  // namespace kvcache::kvtool
