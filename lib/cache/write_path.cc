// Put, Delete, DeleteRange, Write, WriteWith, CatchUp, Invalidate.
#include <utility>

#include "base/stopwatch.h"
#include "cache/guarded.h"
#include "cache/key_ranges.h"
#include "cache/protocol.h"
#include "cache/writes.h"

namespace kvcache {

Scope Protocol::ScopeOf(const KeyRange& range) const {
  return [this, range](std::string_view key) {
    return (!range.from || store_->Compare(*range.from, key) <= 0) &&
           (!range.to || store_->Compare(key, *range.to) < 0);
  };
}

template <class Commit>
Result<void> Protocol::WriteStore(std::size_t lane, Commit&& commit) {
  const Stopwatch watch;
  auto written = Guarded<Result<void>>([&] {
    const ReadAhead::Change change(read_ahead_);
    return commit();
  });
  const std::uint64_t nanoseconds = watch.nanoseconds();
  const std::lock_guard lock(tier_.shard(lane).mutex());
  lanes_[lane].write_latency.Record(nanoseconds);
  return written;
}

template <class Commit>
Result<void> Protocol::WriteKeys(std::span<KeyWrite> writes, bool fill_tier, Commit&& commit) {
  KeyWrites key_writes(*this, writes, fill_tier);
  key_writes.Begin();
  const std::size_t lane = writes.empty() ? 0 : tier_.ShardIndex(writes[0].key.hash);
  auto written = WriteStore(lane, commit);
  if (written) key_writes.Commit();
  return written;
}

Result<void> Protocol::Put(std::string_view key, std::string_view value,
                           const WriteOptions& options) {
  KeyWrite write(Hashed(key), KeyWrite::Outcome::kPut, value);
  return WriteKeys({&write, 1}, options.fill_tier,
                   [&] { return store_->Put(key, value, options); });
}

// False, and nothing is written, when the lease is broken.
Result<bool> Protocol::PutUnder(const KeyLease& lease, std::string_view value,
                                const WriteOptions& options) {
  KeyWrite write(lease.key(), KeyWrite::Outcome::kPut, value);
  KeyWrites key_writes(*this, {&write, 1}, options.fill_tier);
  key_writes.Begin();
  // Looked at when this write has begun: one that ends later has been under way beside it.
  if (lease.broken()) {
    key_writes.Abandon();
    return false;
  }
  const auto [hash, key] = lease.key();
  auto written =
      WriteStore(tier_.ShardIndex(hash), [&] { return store_->Put(key, value, options); });
  if (!written) return std::unexpected(std::move(written.error()));
  key_writes.Commit();
  return true;
}

Result<void> Protocol::Delete(std::string_view key, const WriteOptions& options) {
  KeyWrite write(Hashed(key), KeyWrite::Outcome::kDeleted);
  return WriteKeys({&write, 1}, options.fill_tier, [&] { return store_->Delete(key, options); });
}

Result<void> Protocol::Write(const Batch& batch, const WriteOptions& options) {
  std::vector<KeyWrite> keys;
  keys.reserve(batch.size());
  std::vector<KeyRanges::Range> ranges;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Operation operation = batch[i];
    using Kind = Operation::Kind;
    if (operation.kind == Kind::kDeleteRange) {
      ranges.emplace_back(operation.key, operation.value);
    } else if (operation.kind == Kind::kPut) {
      keys.emplace_back(Hashed(operation.key), KeyWrite::Outcome::kPut, operation.value);
    } else {
      keys.emplace_back(Hashed(operation.key), KeyWrite::Outcome::kDeleted);
    }
  }
  const KeyRanges deleted(*store_, std::move(ranges));
  const Scope in_ranges = [&deleted](std::string_view key) { return deleted.Contains(key); };
  // The scope first: it crosses the batch's own keys in it, for their order counts and is not kept.
  ScopeWrites scope_writes(*this, in_ranges);
  if (!deleted.empty()) scope_writes.Begin();
  return WriteKeys(keys, options.fill_tier, [&] { return store_->Write(batch, options); });
}

Result<void> Protocol::WriteWith(std::span<const std::string_view> keys,
                                 const std::function<Result<void>()>& commit) {
  std::vector<KeyWrite> writes;
  for (const std::string_view key : keys) writes.emplace_back(Hashed(key));
  return WriteKeys(writes, false, commit);
}

Result<void> Protocol::WriteWith(const Scope& scope, const std::function<Result<void>()>& commit) {
  ScopeWrites writes(*this, scope);
  writes.Begin();
  return WriteStore(0, commit);
}

void Protocol::Invalidate(std::string_view key) {
  read_ahead_.Forget();
  const HashedKey hashed = Hashed(key);
  Shard& shard = ShardOf(hashed);
  {
    const std::lock_guard lock(shard.mutex());
    LaneOf(hashed).in_flight.Invalidate(hashed);
    tier_.Drop(shard, hashed.hash, key);
  }
  tier_.CollectIfDue();
}

void Protocol::Invalidate(const Scope& scope) {
  read_ahead_.Forget();
  for (std::size_t i = 0; i < tier_.shards(); ++i) {
    const std::lock_guard lock(tier_.shard(i).mutex());
    lanes_[i].in_flight.Invalidate(scope);
  }
  tier_.Sweep(scope);
}

}  // namespace kvcache
