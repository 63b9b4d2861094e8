// MemoryTier: changes of policy and capacity.
#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "tier/memory_tier.h"

namespace kvcache {

// Made before anything is changed, as there may be no memory for them.
MemoryTier::Orderings MemoryTier::NewOrderings(const PolicySpec& policy) const {
  Orderings orderings(shards());
  for (auto& ordering : orderings) ordering = NewOrdering(policy);
  return orderings;
}

MemoryTier::Orderings MemoryTier::OrderingsFor(bool entries) const {
  if (capacity_in_entries_ == entries) return {};
  return NewOrderings(*ParsePolicy(policy_name_));
}

void MemoryTier::SetLimits(std::uint64_t bytes, std::uint64_t entries) {
  const bool in_entries = entries > 0;
  {
    const std::lock_guard names(names_mutex_);
    capacity_in_entries_ = in_entries;
    capacity_ = in_entries ? entries : bytes;
  }
  slabs_->set_limit(in_entries ? kNoLimit : std::min(bytes, kNoLimit));
  for (std::size_t i = 0; i < shards(); ++i) {
    const std::lock_guard lock(shards_[i].mutex());
    shards_[i].SetLimit(
        in_entries ? entries / shards() + (i < entries % shards() ? 1 : 0) : Shard::kNoEntryLimit,
        bytes / shards());
  }
}

void MemoryTier::SetCapacity(std::uint64_t bytes) {
  const std::lock_guard settings(settings_mutex_);
  Orderings orderings = OrderingsFor(false);
  SetLimits(bytes, 0);
  if (!orderings.empty()) SwitchPolicy(orderings);
  // Waiting for readers is paid for once in many evictions: one that lost its processor amid a hit
  // comes back after milliseconds.
  constexpr std::size_t kSlabsAtOnce = 64;
  while (slabs_->OverLimit()) {
    if (EmptySparseSlabs(kSlabsAtOnce, true)) continue;
    bool evicted = false;
    for (std::size_t i = 0; i < kSlabsAtOnce; ++i) {
      if (EvictBatch(SlabAllocator::kSlabBytes, NextShard()) == 0) break;
      evicted = true;
      if (!slabs_->OverLimit(retired_bytes_.load(std::memory_order_relaxed))) break;
    }
    epoch::WaitForReaders();
    if (!Collect() && !evicted) break;
  }
  FitTables();
}

void MemoryTier::SetCapacityEntries(std::uint64_t entries) {
  if (entries == 0) return SetCapacity(0);
  const std::lock_guard settings(settings_mutex_);
  Orderings orderings = OrderingsFor(true);
  SetLimits(0, entries);
  if (!orderings.empty()) SwitchPolicy(orderings);
  for (std::size_t i = 0; i < shards(); ++i) {
    for (bool more = true; more;) {
      std::array<Entry*, Shard::kMostEvicted> victims;
      shards_[i].mutex().GiveWay();
      const std::lock_guard lock(shards_[i].mutex());
      const std::uint64_t held = shards_[i].entries() + shards_[i].withdrawn();
      const std::uint64_t over = held - std::min(held, shards_[i].entry_limit());
      const std::size_t count = shards_[i].Evict(
          std::span(victims).first(std::min<std::uint64_t>(over, victims.size())), kNoLimit);
      Retire(std::span(victims).first(count));
      more = count == victims.size();
    }
    Collect();
  }
  FitTables();
}

bool MemoryTier::GiveUp() {
  try {
    return slabs_->OverLimit() && MakeRoom(SlabAllocator::kSlabBytes, NextShard());
  } catch (const std::bad_alloc&) {
    return false;  // none for the lists of who leaves
  }
}

// Tables that most entries have left become small.
void MemoryTier::FitTables() {
  for (std::size_t i = 0; i < shards(); ++i) {
    const std::lock_guard lock(shards_[i].mutex());
    if (Buckets* old = shards_[i].RebuildTableIfNeeded()) Retire(*old);
    ReportOverhead(shards_[i]);
  }
  Collect();
}

void MemoryTier::SetPolicy(const PolicySpec& policy) {
  const std::lock_guard settings(settings_mutex_);
  std::string name = policy.ToString();
  Orderings orderings = NewOrderings(policy);
  SwitchPolicy(orderings);
  const std::lock_guard names(names_mutex_);
  policy_name_ = std::move(name);
}

// In four steps, each but the third a slice at a time: the old policies bring their order up to
// date; hits begin to mark for the new ones; the last hit that marks for the old ones ends; the old
// policies hand their entries over, coldest first. An entry hit before it is handed over is not
// marked: the marks are still the old policy's.
void MemoryTier::SwitchPolicy(std::span<std::unique_ptr<Ordering>> orderings) {
  for (std::size_t i = 0; i < shards(); ++i) {
    std::size_t from = 0;
    do {
      shards_[i].mutex().GiveWay();
      const std::lock_guard lock(shards_[i].mutex());
      from = shards_[i].Settle(from, kSlice);
    } while (from != 0);
  }
  for (std::size_t i = 0; i < shards(); ++i) {
    const std::lock_guard lock(shards_[i].mutex());
    shards_[i].Publish(std::move(orderings[i]));
  }
  epoch::WaitForReaders();
  for (std::size_t i = 0; i < shards(); ++i) {
    for (bool more = true; more;) {
      shards_[i].mutex().GiveWay();
      const std::lock_guard lock(shards_[i].mutex());
      Shard::Converted converted = shards_[i].Convert(kSlice);
      if (converted.left != nullptr) Retire({&converted.left, 1});
      more = !converted.done;
      ReportOverhead(shards_[i]);
    }
  }
}

}  // namespace kvcache
