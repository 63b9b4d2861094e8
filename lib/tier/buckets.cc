#include "tier/buckets.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/pages.h"

namespace kvcache {

BucketMemory::Mapping::Mapping(std::size_t tables, std::size_t buckets)
    : count(buckets),
      stride(RoundUp(sizeof(Buckets) + (buckets - 1) * sizeof(Buckets::slots), kPageSize)),
      taken(tables),
      begin(static_cast<char*>(MapPages(bytes()))) {
  if (begin == nullptr) throw std::bad_alloc();
}

BucketMemory::Mapping::~Mapping() { UnmapPages(begin, bytes()); }

bool BucketMemory::Mapping::Suits(std::size_t table, std::size_t wanted) const {
  return !taken[table] && count >= wanted - wanted / 8 && count <= wanted + wanted / 8;
}

bool BucketMemory::Mapping::Holds(const Buckets* buckets) const {
  const auto* at = reinterpret_cast<const char*>(buckets);
  return at >= begin && at < begin + bytes();
}

Buckets* BucketMemory::Take(std::size_t table, std::size_t count) {
  const std::lock_guard lock(mutex_);
  if (mappings_.empty() || !mappings_.back()->Suits(table, count)) {
    mappings_.push_back(std::make_unique<Mapping>(tables_, count));
  }
  Mapping& mapping = *mappings_.back();
  mapping.taken[table] = true;
  ++mapping.in_use;
  auto* buckets = reinterpret_cast<Buckets*>(mapping.begin + table * mapping.stride);
  buckets->count = mapping.count;
  buckets->bytes = mapping.stride;
  return buckets;
}

// Pages go without the lock: the system may take long for many.
void BucketMemory::GiveBack(Buckets* buckets) {
  madvise(buckets, buckets->bytes, MADV_DONTNEED);
  std::unique_ptr<Mapping> unused;
  const std::lock_guard lock(mutex_);
  const auto mapping =
      std::ranges::find_if(mappings_, [&](const auto& each) { return each->Holds(buckets); });
  if (--(*mapping)->in_use > 0) return;
  unused = std::move(*mapping);
  mappings_.erase(mapping);
}

}  // namespace kvcache
