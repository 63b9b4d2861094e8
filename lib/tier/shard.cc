#include "tier/shard.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "tier/slab_allocator.h"

namespace kvcache {
void Shard::Init(std::uint64_t seed, std::unique_ptr<Ordering> ordering, Ghost* ghost) {
  seed_ = seed;
  ghost_ = ghost;
  ordering_.store(ordering.release(), std::memory_order_release);
}

void Shard::SetLimit(std::uint64_t entries, std::uint64_t bytes) {
  entry_limit_ = entries;
  byte_share_ = bytes;
  TellCapacity(*ordering_.load(std::memory_order_relaxed));
}

void Shard::TellCapacity(const Ordering& ordering) const {
  ordering.policy->SetCapacity(counts_entries() ? entry_limit_ : byte_share_);
}

std::uint32_t Shard::WeightOf(const Entry& entry) const {
  if (counts_entries()) return 1;
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::min(SlabAllocator::ChargeOf(&entry), kMost));
}

Policy& Shard::PolicyOf(const Entry& entry) {
  if (draining_ != nullptr && draining_->Has(entry)) return *draining_->policy;
  return *ordering_.load(std::memory_order_relaxed)->policy;
}

void Shard::Own(Entry& entry, const Ordering& ordering) {
  const int others = entry.flags() & ~int{Entry::kOddPolicy};
  entry.set_flags(static_cast<std::uint8_t>(others | ordering.parity));
}

void Shard::Touch(Entry& entry) {
  Ordering* current = ordering_.load(std::memory_order_relaxed);
  if (current->Has(entry)) current->policy->Touch(entry.node());
}

std::size_t Shard::Excess() const {
  const std::size_t held = table_.size() + withdrawn_;
  return held < entry_limit_ ? 0 : held - entry_limit_ + 1;
}

void Shard::Link(std::uint64_t hash, Entry& entry, std::vector<Entry*>& evicted) {
  // First: a victim must not be lost for lack of memory, nor an admitted entry not be inserted. Not
  // by reserve, which would move a long list for every entry that is added.
  const std::size_t before = evicted.size();
  evicted.resize(before + Excess());
  evicted.resize(before);
  Ordering* current = ordering_.load(std::memory_order_relaxed);
  current->policy->Admit(entry.node(), hash, WeightOf(entry));
  while (Excess() > 0) {
    Entry* victim = nullptr;
    if (Evict({&victim, 1}, 1) == 0) break;
    evicted.push_back(victim);
  }
  current->policy->Insert(entry.node());
  Own(entry, *current);
  EnterTable(hash, entry);
}

void Shard::EnterTable(std::uint64_t hash, Entry& entry) {
  entry.set_flags(entry.flags() | Entry::kLinked);
  table_.Insert(hash, &entry);
  bytes_.store(bytes() + SlabAllocator::ChargeOf(&entry), std::memory_order_relaxed);
  ++counters_.inserts;
}

void Shard::LeaveTable(std::uint64_t hash, Entry& entry) {
  table_.Erase(hash, &entry);
  entry.set_flags(static_cast<std::uint8_t>(entry.flags() & ~int{Entry::kLinked}));
  bytes_.store(bytes() - SlabAllocator::ChargeOf(&entry), std::memory_order_relaxed);
}

// All of leaving but the policy.
void Shard::Forget(std::uint64_t hash, Entry& entry) {
  if (!entry.withdrawn()) return LeaveTable(hash, entry);
  entry.set_flags(static_cast<std::uint8_t>(entry.flags() & ~int{Entry::kWithdrawn}));
  --withdrawn_;
}

void Shard::Withdraw(std::uint64_t hash, Entry& entry) {
  LeaveTable(hash, entry);
  entry.set_flags(entry.flags() | Entry::kWithdrawn);
  ++withdrawn_;
}

void Shard::LinkInPlace(std::uint64_t hash, Entry& entry, Entry& withdrawn) {
  PolicyOf(withdrawn).Replace(withdrawn.node(), entry.node(), WeightOf(entry));
  entry.set_flags(entry.flags() | (withdrawn.flags() & Entry::kOddPolicy));
  Forget(hash, withdrawn);
  EnterTable(hash, entry);
  Touch(entry);
  Repair(1);
}

void Shard::Unlink(std::uint64_t hash, Entry& entry) {
  PolicyOf(entry).Erase(entry.node());
  Forget(hash, entry);
}

PolicyNode* Shard::NextVictim() {
  PolicyNode* node = ordering_.load(std::memory_order_relaxed)->policy->Evict();
  if (node == nullptr && draining_ != nullptr) node = draining_->policy->Evict();
  return node;
}

// In steps, so that the cache misses of several victims overlap.
std::size_t Shard::Evict(std::span<Entry*> victims, std::uint64_t bytes) {
  // Tables, order and history take a share of the bytes that changes: what is resident when there
  // is no more room is what fits.
  Policy& policy = *ordering_.load(std::memory_order_relaxed)->policy;
  if (!counts_entries()) policy.SetCapacity(this->bytes());
  std::array<std::uint64_t, kMostEvicted> hashes;
  std::size_t count = 0;
  for (std::uint64_t evicted = 0; count < victims.size() && count < kMostEvicted && evicted < bytes;
       ++count) {
    PolicyNode* node = NextVictim();
    if (node == nullptr) break;
    victims[count] = &Entry::Of(*node);
    evicted += SlabAllocator::ChargeOf(victims[count]);
    hashes[count] = HashOf(*victims[count]);
    table_.Prefetch(hashes[count]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!victims[i]->withdrawn()) ++counters_.evictions;
    Forget(hashes[i], *victims[i]);
  }
  if (ghost_ != nullptr) ghost_->Leave(std::span(hashes).first(count));
  return count;
}

void Shard::Replace(std::uint64_t hash, Entry& old, Entry& copy) {
  PolicyOf(old).Replace(old.node(), copy.node(), WeightOf(copy));
  copy.set_flags(copy.flags() | Entry::kLinked);
  table_.Replace(hash, &old, &copy);
  // Its block may be of another size.
  bytes_.store(bytes() - SlabAllocator::ChargeOf(&old) + SlabAllocator::ChargeOf(&copy),
               std::memory_order_relaxed);
  old.set_flags(static_cast<std::uint8_t>(old.flags() & ~int{Entry::kLinked}));
}

Buckets* Shard::RebuildTableIfNeeded() {
  if (!table_.WantsRebuild()) return nullptr;
  return table_.Rebuild([this](const Entry& entry) { return HashOf(entry); });
}

std::size_t Shard::Settle(std::size_t from, std::size_t slice) {
  return ordering_.load(std::memory_order_relaxed)->policy->Settle(from, slice);
}

void Shard::Publish(std::unique_ptr<Ordering> next) {
  Ordering* old = ordering_.load(std::memory_order_relaxed);
  next->parity = static_cast<std::uint8_t>(old->parity ^ Entry::kOddPolicy);
  TellCapacity(*next);
  draining_.reset(ordering_.exchange(next.release(), std::memory_order_acq_rel));
}

Shard::Converted Shard::Convert(std::size_t slice) {
  Ordering* current = ordering_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < slice; ++i) {
    PolicyNode* node = draining_->policy->Drain();
    if (node == nullptr) {
      draining_.reset();
      return {.done = true};
    }
    Entry& entry = Entry::Of(*node);
    const std::uint64_t hash = HashOf(entry);
    try {
      current->policy->Admit(entry.node(), hash, WeightOf(entry));
      current->policy->Insert(entry.node());
    } catch (...) {
      Forget(hash, entry);
      return {.left = &entry};
    }
    Own(entry, *current);
  }
  return {};
}

std::size_t Shard::OverheadBytes() const {
  std::size_t bytes = table_.MemoryBytes();
  bytes += ordering_.load(std::memory_order_relaxed)->policy->MemoryBytes();
  if (draining_ != nullptr) bytes += draining_->policy->MemoryBytes();
  return bytes;
}

}  // namespace kvcache
