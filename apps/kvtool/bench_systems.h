// The sides of kvtool bench: ways to keep the hot part of a database in so much memory.
//
// All have the same RocksDB options: blocks of 4 KiB, not compressed, Bloom filters of 10 bits a
// key, index and filters outside the budget, memtables an eighth of it, from 128 KiB to 128 MiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/error.h"
#include "outcome.h"

namespace kvcache::kvtool {

struct SystemOptions {
  std::uint64_t budget = 0;  // bytes of caches and memtables
  bool direct = false;       // reads pass by the page cache
  std::string policy;        // of kvcache
  // Of what the budget leaves for caches, of kvcache; the rest is block cache. None: as it finds.
  std::optional<double> tier_share = std::nullopt;
};

// Zero without a tier.
struct TierFigures {
  double hit_ratio = 0;  // of the reads since the call before
  double share = 0;      // of what the budget leaves for caches, now
};

// What it holds in memory beside its caches, in bytes, as of now.
struct MemoryFigures {
  std::uint64_t memtable_bytes = 0;
  std::uint64_t index_filter_bytes = 0;  // outside the budget
};

// Thread-safe.
class System {
 public:
  virtual ~System() = default;
  virtual Result<bool> Get(std::string_view key, std::string& value) = 0;
  // What is found is neither looked at nor copied.
  virtual Result<void> MultiGet(std::span<const std::string_view> keys) = 0;
  virtual Result<void> Put(std::string_view key, std::string_view value) = 0;
  // Reads up to so many pairs, at least one, from this key on, and does nothing with them.
  virtual Result<void> Scan(std::string_view from, std::size_t pairs) = 0;
  virtual MemoryFigures Memory() = 0;
  virtual TierFigures Tier() { return {}; }
  // The tier's, with its parameters; empty without a tier.
  virtual std::string Policy() { return {}; }
};

// "kvcache", "rocksdb" (block cache, LRU), "rocksdb-hyper" (HyperClockCache), "rocksdb-row" (nine
// tenths row cache).
const std::vector<std::string_view>& SystemNames();

// The version of RocksDB, and whether its assertions are on: they cost it processor time.
std::string RocksDbKind();

// Over the database in `path`, of which it becomes the only user.
Outcome<std::unique_ptr<System>> OpenSystem(std::string_view name, const std::string& path,
                                            const SystemOptions& options);

// Reads of table files that this thread has made so far in databases of OpenSystem.
std::uint64_t DeviceReads();

// Whether databases opened `direct` are read through the page cache after all, where kvcache, which
// learns what reads cost, takes as long for each as a fast device does.
void ReadThroughPageCache(bool on);

// Makes a database in `path`, compacted, of the pairs that `next` gives until it is false.
Outcome<void> MakeDatabase(const std::string& path,
                           const std::function<bool(std::string& key, std::string& value)>& next);

// Makes `to` a copy of the database in `from`; files that never change are shared.
Outcome<void> CopyDatabase(const std::string& from, const std::string& to);

}  // namespace kvcache::kvtool
