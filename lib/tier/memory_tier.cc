#include "tier/memory_tier.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <vector>

#include "base/stats_fields.h"

namespace kvcache {
namespace {

// Both numbers are powers of two, so what is due after hits that either divides is due after hits
// that the smaller one divides.
std::uint64_t DueMask(std::uint64_t audit_one_in) {
  const std::uint64_t repair_one_in = kHitsPerRepair;
  return (audit_one_in == 0 ? repair_one_in : std::min(repair_one_in, audit_one_in)) - 1;
}

}  // namespace

MemoryTier::MemoryTier(const TierOptions& options)
    : options_(options),
      due_mask_(DueMask(options.audit_one_in)),
      buckets_(options.shards),
      shards_(std::make_unique<Shard[]>(options.shards)),
      hits_(options.shards),
      slabs_(new SlabAllocator(options.alignment)) {
  for (std::size_t i = 0; i < shards(); ++i) shards_[i].MakeTable(buckets_, i);
}

// From its body on the destructor cleans up.
MemoryTier::MemoryTier(const TierOptions& options, const PolicySpec& policy) : MemoryTier(options) {
  policy_name_ = policy.ToString();
  if (options.ghost != nullptr) {
    slabs_->AddOverhead(static_cast<std::int64_t>(options.ghost->MemoryBytes()));
  }
  for (std::size_t i = 0; i < shards(); ++i) {
    shards_[i].Init(options.seed, NewOrdering(policy), options.ghost);
    ReportOverhead(shards_[i]);
  }
  SetLimits(options.capacity, options.capacity_entries);
}

// No other thread is in the tier; Values may be left and keep their memory.
MemoryTier::~MemoryTier() {
  for (std::size_t i = 0; i < shards(); ++i) {
    const Table& table = shards_[i].table();
    for (std::size_t position = 0; position < table.positions(); ++position) {
      if (Entry* entry = table.At(position)) Discard(*entry);
    }
  }
  for (const Retired& retired : retired_) {
    if (retired.entry != nullptr) Discard(*retired.entry);
    if (retired.buckets != nullptr) buckets_.GiveBack(retired.buckets);
  }
}

PolicyContext MemoryTier::Context() const {
  return {.hash = [seed = options_.seed](
                      const PolicyNode& node) { return HashKey(Entry::Of(node).key(), seed); },
          .exact = options_.exact_policy};
}

std::unique_ptr<Ordering> MemoryTier::NewOrdering(const PolicySpec& policy) const {
  auto ordering = std::make_unique<Ordering>();
  ordering->policy = policy.Make(Context());
  // In exact order each hit is a tick, and one that sets the clock back visits all nodes.
  ordering->touch_needs_lock = policy.info.touch_needs_lock || options_.exact_policy;
  return ordering;
}

// Entries.

Entry* MemoryTier::NewEntry(HashedKey hashed, std::string_view value, bool absent) {
  const std::string_view key = hashed.key;
  if (key.size() > Entry::kMostKeyBytes || value.size() > Entry::kMostValueBytes) return nullptr;
  const std::size_t size = Entry::Footprint(key.size(), value.size(), options_.alignment);
  void* memory = nullptr;
  try {
    memory = AllocateWithRoom(size, ShardOf(hashed.hash));
  } catch (const std::bad_alloc&) {
    return nullptr;  // none for the lists of who leaves
  }
  if (memory == nullptr) return nullptr;
  const int flags = (absent ? Entry::kAbsent : 0) | (options_.alignment == 64 ? Entry::kWide : 0);
  return Entry::Construct(memory, key, value, static_cast<std::uint8_t>(flags));
}

void* MemoryTier::AllocateWithRoom(std::size_t size, Shard& shard) {
  const std::size_t charge = slabs_->ChargeFor(size);
  if (charge > slabs_->limit()) return nullptr;
  CollectIfDue();
  // Tables, order or history have grown: slabs must go, and sparse ones come of evicting more than
  // goes in.
  if (slabs_->OverLimit()) MakeRoom(charge, shard);
  void* memory = slabs_->Allocate(size);
  while (memory == nullptr && !slabs_->HasRoomFor(size) && MakeRoom(charge, shard)) {
    memory = slabs_->Allocate(size);
  }
  return memory;
}

Entry* MemoryTier::NewLooseEntry(std::string_view value) const {
  const std::size_t alignment = options_.alignment;
  const std::size_t padding = alignment - sizeof(Entry) % alignment;
  const std::size_t bytes = padding + Entry::Footprint(0, value.size(), alignment);
  auto* memory = static_cast<char*>(std::aligned_alloc(alignment, RoundUp(bytes, alignment)));
  if (memory == nullptr) throw std::bad_alloc();
  const int flags = Entry::kOnHeap | (alignment == 64 ? Entry::kWide : 0);
  return Entry::Construct(memory + padding, {}, value, static_cast<std::uint8_t>(flags));
}

void FreeEntry(Entry& entry) {
  if (entry.on_heap()) {
    const std::size_t padding = entry.alignment() - sizeof(Entry) % entry.alignment();
    std::free(reinterpret_cast<char*>(&entry) - padding);
    return;
  }
  SlabAllocator& slabs = SlabAllocator::Of(&entry);
  slabs.AddPinned(-static_cast<std::int64_t>(SlabAllocator::ChargeOf(&entry)));
  SlabAllocator::Free(&entry);
  slabs.RemoveUser();
}

void MemoryTier::Discard(Entry& entry) {
  Detach(entry);
  if (entry.Unref()) FreeEntry(entry);
}

// From here on the entry's last holder frees it, and until then it counts as pinned.
void MemoryTier::Detach(Entry& entry) {
  if (entry.on_heap()) return;
  SlabAllocator& slabs = SlabAllocator::Of(&entry);
  slabs.AddUser();
  slabs.AddPinned(static_cast<std::int64_t>(SlabAllocator::ChargeOf(&entry)));
}

// Coming and going, under the shard's lock.

bool MemoryTier::Link(Shard& shard, std::uint64_t hash, Entry& entry, Entry* withdrawn) {
  if (shard.entry_limit() == 0) return false;
  std::vector<Entry*> evicted;
  bool linked = false;
  try {
    if (Buckets* old = shard.RebuildTableIfNeeded()) Retire(*old);
    if (withdrawn != nullptr && withdrawn->withdrawn()) {
      shard.LinkInPlace(hash, entry, *withdrawn);
      Retire({&withdrawn, 1});
    } else {
      shard.Link(hash, entry, evicted);
    }
    entry.Ref();
    linked = true;
  } catch (...) {
    linked = false;  // no memory for table or order, or a policy of the caller's failed
  }
  Retire(evicted);
  ReportOverhead(shard);
  return linked;
}

void MemoryTier::Drop(Shard& shard, std::uint64_t hash, std::string_view key) {
  Entry* entry = shard.Find(hash, key);
  if (entry == nullptr) return;
  ++shard.counters().invalidations;
  shard.Unlink(hash, *entry);
  Retire({&entry, 1});
}

Entry* MemoryTier::Withdraw(Shard& shard, std::uint64_t hash, std::string_view key) {
  Entry* entry = shard.Find(hash, key);
  if (entry == nullptr) return nullptr;
  ++shard.counters().invalidations;
  shard.Withdraw(hash, *entry);
  entry->Ref();
  return entry;
}

void MemoryTier::EndWithdrawal(Shard& shard, std::uint64_t hash, Entry& withdrawn) {
  if (!withdrawn.withdrawn()) return;
  shard.Unlink(hash, withdrawn);
  Entry* left = &withdrawn;
  Retire({&left, 1});
}

std::optional<bool> MemoryTier::Peek(std::uint64_t hash, std::string_view key) const {
  const epoch::Guard guard(epoch::ThisThread());
  const Entry* entry = shards_[ShardIndex(hash)].table().Find(hash, key);
  return entry == nullptr ? std::nullopt : std::optional(!entry->absent());
}

Entry* MemoryTier::HitLocked(std::uint64_t hash, Entry& entry) {
  const std::size_t index = ShardIndex(hash);
  shards_[index].Touch(entry);
  return ToAudit(hits_.Add(epoch::ThisThread(), index, entry.absent()), entry);
}

bool MemoryTier::Admits(std::uint64_t hash) {
  if (options_.exact_policy) return true;
  const std::size_t index = ShardIndex(hash);
  return shards_[index].admission().Admits(shards_[index].counters(),
                                           [&] { return hits_.Hits(index); });
}

bool MemoryTier::AdmitsCheap(std::uint64_t hash) {
  if (options_.exact_policy) return true;
  Shard& shard = ShardOf(hash);
  return shard.admission().AdmitsCheap(shard.counters());
}

// Under the guard or the lock.
Entry* MemoryTier::ToAudit(std::uint64_t hits, Entry& entry) const {
  if (options_.audit_one_in == 0 || hits % options_.audit_one_in != 0) return nullptr;
  entry.Ref();
  return &entry;
}

MemoryTier::Due MemoryTier::DueAfter(std::uint64_t hits, std::uint64_t hash, Entry& entry) const {
  return {.hash = hash, .repair = hits % kHitsPerRepair == 0, .audited = ToAudit(hits, entry)};
}

void MemoryTier::Pay(const Due& due) {
  if (due.repair) Repair(due.hash);
  if (due.audited != nullptr) options_.audit(due.hash, *due.audited);
}

void MemoryTier::Repair(std::uint64_t hash) {
  Shard& shard = ShardOf(hash);
  if (!shard.mutex().try_lock()) return;
  const std::lock_guard lock(shard.mutex(), std::adopt_lock);
  shard.Repair(kHitsPerRepair);
}

void MemoryTier::ReportOverhead(Shard& shard) {
  const std::size_t bytes = shard.OverheadBytes();
  if (bytes == shard.reported_overhead) return;
  slabs_->AddOverhead(static_cast<std::int64_t>(bytes) -
                      static_cast<std::int64_t>(shard.reported_overhead));
  shard.reported_overhead = bytes;
}

// Reclamation.

std::size_t MemoryTier::BytesOf(const Retired& retired) {
  return retired.entry != nullptr ? SlabAllocator::ChargeOf(retired.entry) : retired.buckets->bytes;
}

void MemoryTier::Retire(std::span<Entry* const> entries) {
  if (entries.empty()) return;
  std::size_t bytes = 0;
  for (const Entry* entry : entries) bytes += SlabAllocator::ChargeOf(entry);
  retired_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  std::size_t queued = 0;
  try {
    const std::lock_guard lock(retired_mutex_);
    const std::uint64_t stamp = epoch::Stamp();
    for (; queued < entries.size(); ++queued) {
      retired_.push_back({.entry = entries[queued], .stamp = stamp});
    }
  } catch (const std::bad_alloc&) {
    for (; queued < entries.size(); ++queued) FreeWithoutQueue({.entry = entries[queued]});
  }
}

void MemoryTier::Retire(Buckets& buckets) {
  retired_bytes_.fetch_add(buckets.bytes, std::memory_order_relaxed);
  slabs_->AddOverhead(static_cast<std::int64_t>(buckets.bytes));
  try {
    const std::lock_guard lock(retired_mutex_);
    retired_.push_back({.buckets = &buckets, .stamp = epoch::Stamp()});
  } catch (const std::bad_alloc&) {
    FreeWithoutQueue({.buckets = &buckets});
  }
}

// What has left cannot come back; with no memory to remember it, its readers are waited for.
void MemoryTier::FreeWithoutQueue(const Retired& retired) {
  epoch::WaitForReaders();
  Free({&retired, 1});
}

// Stamps grow along the queue, so what can be freed is at its front. What was retired after the
// epoch advanced may be in a reader's hands whatever its stamp, and is left.
bool MemoryTier::Collect(std::uint64_t most) {
  std::uint64_t end = 0;
  {
    const std::lock_guard lock(retired_mutex_);
    if (retired_.empty()) return false;
    end = collected_ + std::min<std::uint64_t>(retired_.size(), most);
  }
  const std::uint64_t oldest = epoch::AdvanceAndFindOldest();
  std::array<Retired, kCollectBatch> batch;
  for (bool any = false;; any = true) {
    std::size_t count = 0;
    {
      const std::lock_guard lock(retired_mutex_);
      for (; count < batch.size() && collected_ < end && retired_.front().stamp < oldest;
           ++collected_) {
        batch[count++] = retired_.front();
        retired_.pop_front();
      }
    }
    if (count == 0) return any;
    Free(std::span(batch).first(count));
  }
}

void MemoryTier::Free(std::span<const Retired> batch) {
  std::array<void*, kCollectBatch> blocks;
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const Retired& retired : batch) {
    bytes += BytesOf(retired);
    if (retired.buckets != nullptr) {
      slabs_->AddOverhead(-static_cast<std::int64_t>(retired.buckets->bytes));
      buckets_.GiveBack(retired.buckets);
    } else if (retired.entry->referenced_once()) {
      blocks[count++] = retired.entry;
    } else {
      Discard(*retired.entry);
    }
  }
  retired_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  slabs_->Free(std::span(blocks).first(count));
}

void MemoryTier::CollectIfDue() {
  if (retired_bytes_.load(std::memory_order_relaxed) > kCollectAbove) Collect(kCollectAtOnce);
}

bool MemoryTier::MakeRoom(std::size_t charge, Shard& shard) {
  // Too small for any entry, a tier has all its misses come here.
  if (!slabs_->HasSlabs() && retired_bytes_.load(std::memory_order_relaxed) == 0) return false;
  if (EmptySparseSlabs(1, false)) return true;
  // Readers that do not leave (a thread that lost its processor) are no reason to evict ever more.
  const std::uint64_t most_retired =
      charge + std::max<std::uint64_t>(kCollectAbove, slabs_->limit() / 64);
  const bool evicted = retired_bytes_.load(std::memory_order_relaxed) < most_retired &&
                       EvictBatch(charge, shard) > 0;
  return Collect(kCollectAtOnce) || evicted;
}

// Evicts from one shard: the bytes wanted, and where entries are small a few more, so that finding
// out about readers is paid for once in many evictions.
std::size_t MemoryTier::EvictBatch(std::size_t charge, Shard& wanted) {
  Shard* shard = ShardToEvictFrom(wanted);
  if (shard == nullptr) return 0;
  const std::uint64_t spare = shard->bytes() * shards() / kEvictionPart;
  std::array<Entry*, Shard::kMostEvicted> victims;
  std::size_t count = 0;
  {
    const std::lock_guard lock(shard->mutex());
    // First, as it may throw: what a table that has become too large takes is room too.
    if (shard->table().sparse()) Retire(*shard->RebuildTableIfNeeded());
    const std::size_t batch = std::max<std::size_t>(EvictionBatch(shard->entries()), 1);
    count = shard->Evict(std::span(victims).first(charge > spare ? victims.size() : batch),
                         std::max<std::uint64_t>(charge, spare));
    ReportOverhead(*shard);
  }
  Retire(std::span(victims).first(count));
  return count;
}

// By turns.
Shard& MemoryTier::NextShard() {
  return shards_[rotor_.fetch_add(1, std::memory_order_relaxed) % shards()];
}

// Null when all are empty.
Shard* MemoryTier::ShardToEvictFrom(Shard& shard) {
  Shard& other = NextShard();
  Shard& chosen = TakesFrom(shard.bytes(), other.bytes()) ? other : shard;
  if (chosen.bytes() > 0) return &chosen;
  for (std::size_t i = 0; i < shards(); ++i) {
    if (shards_[i].bytes() > 0) return &shards_[i];
  }
  return nullptr;
}

// Empties up to so many slabs by moving what is in them; true when one was given back. Unless it
// waits for readers, a slab in which one of them may be reading stays in use, and so it does when
// too much has been retired before.
bool MemoryTier::EmptySparseSlabs(std::size_t most, bool wait) {
  std::vector<void*> slabs;
  slabs.reserve(most);
  std::size_t moved = 0;
  while (slabs.size() < most && EmptySparseSlab(slabs, moved)) {
  }
  if (moved > 0 && wait) epoch::WaitForReaders();
  if (moved > 0) Collect(wait ? kNoLimit : moved + kCollectAtOnce);
  bool any = false;
  for (void* slab : slabs) any = slabs_->ReturnSlab(slab) || any;
  return any;
}

// Takes one and moves what is in it; false when there is none, or no memory.
bool MemoryTier::EmptySparseSlab(std::vector<void*>& slabs, std::size_t& moved) try {
  const SlabAllocator::SparseSlab sparse = slabs_->TakeSparseSlab();
  if (sparse.slab == nullptr) return false;
  slabs.push_back(sparse.slab);
  moved += sparse.blocks.size();
  for (void* block : sparse.blocks) Move(*static_cast<Entry*>(block));
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

// Moves the entry in this block, if there is a linked one, to another block.
void MemoryTier::Move(Entry& entry) {
  std::uint64_t hash = 0;
  std::size_t size = 0;
  {
    const epoch::Guard guard(epoch::ThisThread());
    if ((entry.flags() & Entry::kLinked) == 0) return;
    hash = Hash(entry.key());
    size = entry.footprint();
  }
  // Not under the lock: making a huge page, which this may come to, can take tens of milliseconds.
  void* memory = slabs_->Allocate(size);
  if (memory == nullptr) return;
  Shard& shard = ShardOf(hash);
  const std::lock_guard lock(shard.mutex());
  // Since we looked, the entry may have left and its block may hold another one.
  if (!shard.Holds(hash, entry) || entry.footprint() != size) return SlabAllocator::Free(memory);
  const int flags = entry.flags() & ~int{Entry::kLinked};
  Entry* copy =
      Entry::Construct(memory, entry.key(), entry.value(), static_cast<std::uint8_t>(flags));
  shard.Replace(hash, entry, *copy);
  Entry* moved = &entry;
  Retire({&moved, 1});
}

std::uint64_t MemoryTier::charged() const {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < shards(); ++i) bytes += shards_[i].bytes();
  return bytes;
}

Stats MemoryTier::GetStats() const {
  Stats stats;
  stats.shards.resize(shards());
  for (std::size_t i = 0; i < shards(); ++i) {
    Shard& shard = shards_[i];
    const std::lock_guard lock(shard.mutex());
    stats.shards[i] = shard.counters();
    stats.shards[i].entries = shard.entries();
    stats.shards[i].bytes = shard.bytes();
    stats.shards[i].longest_probe = shard.table().longest_probe();
  }
  hits_.ForEachRow([&](const HitCounters::Count* counts) {
    for (std::size_t i = 0; i < shards(); ++i) {
      stats.shards[i].hits += counts[i].hits.load(std::memory_order_relaxed);
      stats.shards[i].absent += counts[i].absent.load(std::memory_order_relaxed);
    }
  });
  stats.total = SumShards(stats.shards);
  stats.memory_bytes = slabs_->used();
  stats.pinned_bytes = slabs_->pinned();
  const std::lock_guard names(names_mutex_);
  stats.policy = policy_name_;
  stats.capacity = capacity_;
  stats.capacity_in_entries = capacity_in_entries_;
  return stats;
}

}  // namespace kvcache
