// Stats: what a cache has done, as plain values that can be subtracted, and as text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kvcache {

// Durations in log-linear buckets: four to each power of two of nanoseconds, so a percentile is
// at most 25 % above the true one. The last bucket ends at 2^41 - 1 ns, 36.6 minutes, and takes all
// that is longer too.
struct LatencyHistogram {
  static constexpr std::size_t kBuckets = 160;
  std::array<std::uint64_t, kBuckets> counts{};

  void Record(std::uint64_t nanoseconds);
  std::uint64_t count() const;
  // Upper edge in nanoseconds of the bucket that holds the fraction `q` in [0, 1]; 0 when empty.
  std::uint64_t Percentile(double q) const;
  LatencyHistogram& operator+=(const LatencyHistogram& other);
  LatencyHistogram& operator-=(const LatencyHistogram& other);
};

// Counters of one shard, or of all of them together. Counters only grow; gauges are as of now.
struct ShardStats {
  // Counters. Every lookup of Get and MultiGet is one hit or one miss: lookups = hits + misses.
  // GetOrCompute is one lookup, and where that finds nothing one more for each further look: before
  // it computes, each time, and after it has waited for another's computation.
  std::uint64_t hits = 0;    // answered by the memory tier
  std::uint64_t misses = 0;  // all others
  std::uint64_t absent =
      0;  // lookups whose key the store does not have (hits on a cached absence too)
  std::uint64_t loads = 0;         // keys read from the store because of misses
  std::uint64_t shared_loads = 0;  // misses answered by a load that another lookup had begun
  std::uint64_t loads_ahead = 0;   // of the loads, answered by what had been read ahead
  std::uint64_t load_errors = 0;   // loads that the store failed
  std::uint64_t stale_loads = 0;   // loads overtaken by a write or invalidation: served, not cached
  std::uint64_t load_nanoseconds = 0;  // spent in those that Stats::load_latency counts
  std::uint64_t inserts = 0;           // entries that went into the tier
  std::uint64_t evictions = 0;         // entries that the policy sent away
  std::uint64_t rejections = 0;        // loads not cached: too large, no room, or not worth it
  std::uint64_t writes = 0;            // of a key, begun; ranges are not counted
  std::uint64_t invalidations = 0;     // entries dropped by writes and Invalidate
  std::uint64_t audits = 0;            // hits compared with the store (Options::audit_one_in)
  std::uint64_t disagreements = 0;     // of those, what the store did not have so
  // Gauges.
  std::uint64_t entries = 0;  // resident entries
  std::uint64_t bytes = 0;    // charged to them: payload, header, allocator's rounding
  // Buckets of 8 slots looked at for the worst-placed entry since the table was rebuilt.
  std::uint64_t longest_probe = 0;

  friend bool operator==(const ShardStats&, const ShardStats&) = default;
};

// Of the recording that goes on, or of the last one (Cache::StartRecording).
struct RecordingStats {
  bool active = false;
  std::string path;  // empty before the first recording
  double sample = 0;
  std::uint64_t requests = 0;  // recorded
  std::uint64_t bytes = 0;     // of the file so far, as compressed
  std::string error;           // what ended it before it was stopped; empty if nothing did
};

// How a memory budget is shared out (Options::memory_budget), and why.
struct SplitStats {
  std::uint64_t budget_bytes = 0;  // 0: there is none, and nothing below means anything
  bool fixed = false;              // by Options::tier_share
  // Gauges, in bytes.
  std::uint64_t memtable_bytes = 0;          // what is set aside for memtables
  std::uint64_t tier_bytes = 0;              // what the tier may use
  std::uint64_t block_cache_bytes = 0;       // what the block cache may use
  std::uint64_t block_cache_used_bytes = 0;  // what it does use
  // Counters.
  std::uint64_t block_misses = 0;  // blocks that the block cache did not have
  std::uint64_t moves_to_tier = 0;
  std::uint64_t moves_to_blocks = 0;
  // What a 16th more of all that both sides share would have saved, in nanoseconds of waiting:
  // memory moves to the side where this grows clearly faster.
  std::uint64_t tier_saving_nanoseconds = 0;
  std::uint64_t block_saving_nanoseconds = 0;
  // Gauges: what a miss of the tier costs, as measured, when the block is cached, and more for each
  // block that is not.
  std::uint64_t key_nanoseconds = 0;
  std::uint64_t block_nanoseconds = 0;
};

// A snapshot of a cache. Not atomic: counters are read one by one while others go on counting.
struct Stats {
  ShardStats total;
  std::vector<ShardStats> shards;

  std::string policy;          // "lru-k:k=2"
  std::uint64_t capacity = 0;  // bytes, or entries where the capacity was set in entries
  bool capacity_in_entries = false;
  std::uint64_t memory_bytes = 0;  // all that the tier holds: slabs, tables, order, history
  std::uint64_t pinned_bytes = 0;  // of entries that left, still held by Values; outside capacity
  // Store reads, one a Get or MultiGet; what had been read ahead is none. A Get whose answer is not
  // to be cached is not timed: where the tier hits hardly anything, one in sixteen is.
  LatencyHistogram load_latency;
  LatencyHistogram write_latency;  // store writes
  RecordingStats recording;
  SplitStats split;

  // hits / (hits + misses); 0 before the first lookup.
  double hit_ratio() const;

  // What happened between two snapshots of one cache: counters subtracted, gauges of the later.
  friend Stats operator-(const Stats& later, const Stats& earlier);

  // For people.
  std::string ToText() const;
  // One JSON object; field names as in the structs above, those of `total` among the outermost, and
  // `hit_ratio`; `capacity_unit`, "bytes" or "entries"; percentiles as `load_p50_us` and the like.
  std::string ToJson() const;
  // Prometheus exposition format, version 0.0.4; `per_shard` adds series labelled by shard.
  std::string ToPrometheus(bool per_shard = false) const;
};

}  // namespace kvcache
