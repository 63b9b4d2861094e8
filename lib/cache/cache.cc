// Cache: the public face of Protocol.
#include "kvcache/cache.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <thread>
#include <utility>

#include "cache/guarded.h"
#include "cache/protocol.h"
#include "store/rocksdb_open.h"

namespace kvcache {
namespace {

// Enough that few threads meet in one and that its table is rebuilt in milliseconds, and few enough
// that a policy sees something of the whole: a shard of a dozen entries would evict what the tier
// should keep.
std::uint32_t DefaultShards(const Options& options) {
  constexpr std::uint64_t kMost = 1024;
  const bool in_entries = options.capacity_entries != 0;
  const std::uint64_t bytes = options.memory_budget != 0 ? options.memory_budget : options.capacity;
  const std::uint64_t capacity = in_entries ? options.capacity_entries : bytes;
  const std::uint64_t least_in_shard = in_entries ? 1024 : std::uint64_t{1} << 20;
  const std::uint64_t most_in_shard = (in_entries ? 256 : 32) * least_in_shard;
  const std::uint64_t processors = std::max(1U, std::thread::hardware_concurrency());
  const std::uint64_t wanted =
      std::bit_ceil(std::min(std::max(capacity / most_in_shard, 4 * processors), kMost));
  const std::uint64_t most = std::bit_floor(std::max<std::uint64_t>(capacity / least_in_shard, 1));
  return static_cast<std::uint32_t>(std::min({wanted, most, kMost}));
}

Result<void> FailForBudget() {
  return Fail(ErrorCode::kInvalidArgument,
              "the tier shares a memory budget with the block cache: SetMemoryBudget sets both");
}

constexpr std::uint64_t kAnyBytes = std::numeric_limits<std::uint64_t>::max();

// Bytes that there are for the caches: as many as wanted, where they count entries.
std::uint64_t MemoryOf(const Options& options) {
  if (options.memory_budget != 0) return options.memory_budget;
  return options.capacity_entries != 0 ? kAnyBytes : options.capacity;
}

using Audit = std::function<void(std::uint64_t hash, Entry& entry)>;

TierOptions TierOptionsOf(const Options& options, MemorySplit* split, std::uint64_t seed,
                          Audit audit) {
  return {.capacity = split != nullptr ? split->tier_bytes() : options.capacity,
          .capacity_entries = options.capacity_entries,
          .shards = options.shards != 0 ? options.shards : DefaultShards(options),
          .alignment = options.value_alignment,
          .exact_policy = options.exact_policy,
          .seed = seed,
          .audit_one_in = options.audit_one_in == 0 ? 0 : std::bit_ceil(options.audit_one_in),
          .audit = std::move(audit),
          .ghost = split != nullptr ? split->ghost() : nullptr};
}

}  // namespace

Value::Value(const Value& other) noexcept
    : entry_(other.entry_), bytes_(other.bytes_), hit_(other.hit_) {
  if (entry_ != nullptr) entry_->Ref();
}

void Value::Release() noexcept {
  if (entry_->Unref()) FreeEntry(*entry_);
}

Protocol::Protocol(const Options& options, const PolicySpec& policy, std::unique_ptr<Store> store,
                   std::unique_ptr<MemorySplit> split, std::uint64_t seed)
    : cache_absent_(options.cache_absent),
      on_disagreement_(options.on_disagreement),
      store_(std::move(store)),
      split_(std::move(split)),
      tier_(TierOptionsOf(options, split_.get(), seed,
                          [this](auto hash, Entry& entry) { Audit(hash, entry); }),
            policy),
      lanes_(std::make_unique<Lane[]>(tier_.shards())),
      read_ahead_(*store_, options.read_ahead, MemoryOf(options)) {}

Stats Protocol::GetStats() {
  tier_.Collect();  // so that what nobody holds any more is not shown
  Stats stats = tier_.GetStats();
  stats.recording = recorder_.GetStats();
  if (split_ != nullptr) stats.split = split_->GetStats();
  for (std::size_t i = 0; i < tier_.shards(); ++i) {
    const std::lock_guard lock(tier_.shard(i).mutex());
    stats.load_latency += lanes_[i].load_latency;
    stats.write_latency += lanes_[i].write_latency;
  }
  return stats;
}

Cache::Cache(std::unique_ptr<Protocol> protocol) : protocol_(std::move(protocol)) {}
Cache::~Cache() = default;

Result<std::unique_ptr<Cache>> Cache::Open(const Options& options) {
  if (auto valid = options.Validate(); !valid) return std::unexpected(std::move(valid.error()));
  if (options.path.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "Options::path is empty: name the database directory");
  }
  std::unique_ptr<MemorySplit> split;
  if (options.memory_budget != 0) split = std::make_unique<MemorySplit>(options);
  auto store = OpenRocksDb(options.path, options.rocksdb, split ? split->block_cache() : nullptr);
  if (!store) return std::unexpected(std::move(store.error()));
  return std::unique_ptr<Cache>(new Cache(std::make_unique<Protocol>(
      options, *ParsePolicy(options.policy), *std::move(store), std::move(split))));
}

Result<std::unique_ptr<Cache>> Cache::Open(const Options& options, std::unique_ptr<Store> store) {
  if (auto valid = options.Validate(); !valid) return std::unexpected(std::move(valid.error()));
  if (store == nullptr) return Fail(ErrorCode::kInvalidArgument, "the store given is null");
  if (options.memory_budget != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "memory_budget: only for a database that the cache opens itself, as the block "
                "cache is made by it: use capacity");
  }
  return std::unique_ptr<Cache>(new Cache(
      std::make_unique<Protocol>(options, *ParsePolicy(options.policy), std::move(store))));
}

Result<std::optional<Value>> Cache::Get(std::string_view key) { return protocol_->Get(key); }

Result<bool> Cache::Get(std::string_view key, std::string& value) {
  return protocol_->Get(key, value);
}

std::vector<Result<std::optional<Value>>> Cache::MultiGet(std::span<const std::string_view> keys) {
  return protocol_->MultiGet(keys);
}

Result<bool> Cache::Contains(std::string_view key) { return protocol_->Contains(key); }

Result<void> Cache::Put(std::string_view key, std::string_view value, const WriteOptions& options) {
  return protocol_->Put(key, value, options);
}

Result<void> Cache::Delete(std::string_view key, const WriteOptions& options) {
  return protocol_->Delete(key, options);
}

Result<void> Cache::DeleteRange(std::string_view begin, std::string_view end,
                                const WriteOptions& options) {
  Batch batch;
  batch.DeleteRange(begin, end);
  return protocol_->Write(batch, options);
}

Result<void> Cache::Write(const Batch& batch, const WriteOptions& options) {
  return protocol_->Write(batch, options);
}

Result<void> Cache::Scan(const ScanOptions& options, const ScanVisitor& visit) {
  return protocol_->Scan(options, visit);
}

Result<Value> Cache::GetOrCompute(std::string_view key,
                                  const std::function<Result<std::string>()>& compute,
                                  const WriteOptions& options) {
  return protocol_->GetOrCompute(key, compute, options);
}

Result<void> Cache::WriteWith(std::span<const std::string_view> keys,
                              const std::function<Result<void>()>& commit) {
  return protocol_->WriteWith(keys, commit);
}

Result<void> Cache::WriteWith(const KeyRange& range, const std::function<Result<void>()>& commit) {
  return protocol_->WriteWith(protocol_->ScopeOf(range), commit);
}

void Cache::Invalidate(std::string_view key) { protocol_->Invalidate(key); }

void Cache::InvalidatePrefix(std::string_view prefix) {
  protocol_->Invalidate(Scope([prefix](std::string_view key) { return key.starts_with(prefix); }));
}

void Cache::InvalidateAll() {
  protocol_->Invalidate(Scope([](std::string_view) { return true; }));
}

Result<void> Cache::CatchUp() {
  return protocol_->WriteWith(protocol_->ScopeOf({}),
                              [this] { return protocol_->store().CatchUp(); });
}

Result<void> Cache::SetPolicy(std::string_view policy) {
  auto spec = ParsePolicy(policy);
  if (!spec) return std::unexpected(std::move(spec.error()));
  protocol_->tier().SetPolicy(*spec);
  return {};
}

Result<void> Cache::SetCapacity(std::uint64_t bytes) {
  if (protocol_->split() != nullptr) return FailForBudget();
  protocol_->tier().SetCapacity(bytes);
  protocol_->read_ahead().SetMemory(bytes);
  return {};
}

Result<void> Cache::SetCapacityEntries(std::uint64_t entries) {
  if (protocol_->split() != nullptr) return FailForBudget();
  protocol_->tier().SetCapacityEntries(entries);
  protocol_->read_ahead().SetMemory(entries != 0 ? kAnyBytes : 0);
  return {};
}

Result<void> Cache::SetMemoryBudget(std::uint64_t bytes) {
  MemorySplit* split = protocol_->split();
  if (split == nullptr) {
    return Fail(ErrorCode::kInvalidArgument,
                "the cache has no memory budget: SetCapacity sets the tier's");
  }
  if (bytes == 0) {
    return Fail(ErrorCode::kInvalidArgument, "a memory budget of 0 bytes: give at least one");
  }
  split->SetBudget(bytes, protocol_->tier());
  protocol_->read_ahead().SetMemory(bytes);
  return {};
}

Result<void> Cache::StartRecording(const RecordOptions& options) {
  return protocol_->recorder().Start(options);
}

Result<RecordingStats> Cache::StopRecording() { return protocol_->recorder().Stop(); }

Stats Cache::GetStats() const { return protocol_->GetStats(); }

Store& Cache::store() { return protocol_->store(); }

}  // namespace kvcache
