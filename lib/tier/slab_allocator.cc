#include "tier/slab_allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/pages.h"
#include "tier/entry.h"

namespace kvcache {
namespace {

constexpr std::size_t kSmallest = 1024;  // sizes above it divide a slab evenly
constexpr std::size_t kLeastBlocks = 4;
// What a slab's blocks share, whatever the alignment; see first_block_.
constexpr std::size_t kUsable = SlabAllocator::kSlabBytes - 64 - (64 - sizeof(Entry));
constexpr std::size_t kMostSlabBlock = kUsable / kLeastBlocks / 64 * 64;
// How many slabs of a class are looked at for the emptiest.
constexpr int kMostLooks = 64;
// Below this limit size classes are an eighth apart and slabs are short: a partly filled slab of
// every class must not take up a good part of the memory. Below that one they are a quarter apart.
constexpr std::uint64_t kLittle = std::uint64_t{8} << 20;
constexpr std::uint64_t kVeryLittle = std::uint64_t{1} << 18;
// From this limit on slabs are long, and backed by huge pages.
constexpr std::uint64_t kPlenty = std::uint64_t{256} << 20;
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

// Free blocks keep their link where nobody looks at an entry's flags.
void*& LinkIn(void* block) { return *reinterpret_cast<void**>(static_cast<char*>(block) + 8); }
void ClearFlags(void* block) {
  std::atomic_ref(*(reinterpret_cast<std::uint8_t*>(block) + sizeof(Entry) - 1))
      .store(0, std::memory_order_relaxed);
}

// One huge page in place of 512 saves faults, and a random hit a walk of the page tables. Only now,
// before first use: one that the kernel made later of what we gave back would be memory that used()
// knows nothing of.
void BackWithHugePage(void* untouched) {
  if (madvise(untouched, kHugePageSize, MADV_HUGEPAGE) != 0) return;  // the system has none
  madvise(untouched, 1, MADV_POPULATE_WRITE);
  madvise(untouched, kHugePageSize, MADV_NOHUGEPAGE);
}

}  // namespace

SlabAllocator::SlabAllocator(std::size_t alignment)
    : alignment_(alignment), first_block_(64 + alignment - sizeof(Entry) % alignment) {}

SlabAllocator::~SlabAllocator() {
  for (const auto& [range, bytes] : reserved_) UnmapPages(range, bytes);
}

std::size_t SlabAllocator::ClassFor(std::size_t size) const {
  if (limit() < kLittle) {
    const std::size_t step = std::bit_floor(size) / (limit() < kVeryLittle ? 4 : 8);
    size = RoundUp(size, std::max<std::size_t>(step, 16));
  }
  return ClassOf(std::min(size, kMostSlabBlock));
}

std::size_t SlabAllocator::ClassOf(std::size_t size) {
  if (size <= kSmallest) return (size + 15) / 16 - 1;
  return kSmallClasses + kUsable / kSmallest - kUsable / size;
}

std::size_t SlabAllocator::BlockBytes(std::size_t size_class) const {
  if (size_class < kSmallClasses) return RoundUp((size_class + 1) * 16, alignment_);
  const std::size_t blocks = kUsable / kSmallest - (size_class - kSmallClasses);
  return kUsable / blocks / alignment_ * alignment_;
}

std::size_t SlabAllocator::SlabBytes(std::size_t size_class) const {
  const std::size_t block = BlockBytes(size_class);
  if (limit() >= kPlenty || block > 4096) return kSlabBytes;
  if (limit() < kLittle) return block > 1024 ? kSlabBytes / 4 : kSlabBytes / 16;
  return block > 2048 ? kSlabBytes : block > 1024 ? kSlabBytes / 2 : kSlabBytes / 4;
}

std::size_t SlabAllocator::RunBytes(std::size_t size) const {
  return RoundUp(first_block_ + size, kPageSize);
}

std::size_t SlabAllocator::ChargeFor(std::size_t size) const {
  size = RoundUp(size, alignment_);
  return size > kMostSlabBlock ? RunBytes(size) : BlockBytes(ClassFor(size));
}

std::size_t SlabAllocator::ChargeOf(const void* block) {
  const Slab* slab = HeaderOf(block);
  return slab->size_class == kRun ? slab->bytes : slab->block_bytes;
}

bool SlabAllocator::Fits(std::size_t bytes) const { return used() + bytes <= limit() + pinned(); }

bool SlabAllocator::HasRoomFor(std::size_t size) const {
  size = RoundUp(size, alignment_);
  return Fits(size > kMostSlabBlock ? RunBytes(size) : SlabBytes(ClassFor(size)));
}

void* SlabAllocator::Allocate(std::size_t size) {
  size = RoundUp(size, alignment_);
  const std::size_t size_class = size > kMostSlabBlock ? kRun : ClassFor(size);
  void* block = nullptr;
  void* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (size_class == kRun) return AllocateRun(size);
    Slab* slab = classes_[size_class].open;
    if (slab == nullptr) slab = NewSlab(size_class);
    if (slab == nullptr) slab = OpenSlabOfLargerClass(size_class);
    if (slab != nullptr) block = TakeBlock(slab);
    next = std::exchange(next_huge_page_, nullptr);
  }
  if (next != nullptr) BackWithHugePage(next);
  return block;
}

void SlabAllocator::Free(void* block) {
  SlabAllocator& owner = Of(block);
  const std::lock_guard lock(owner.mutex_);
  owner.FreeLocked(block);
}

void SlabAllocator::Free(std::span<void* const> blocks) {
  const std::lock_guard lock(mutex_);
  for (void* block : blocks) FreeLocked(block);
}

void SlabAllocator::FreeLocked(void* block) {
  Slab* slab = HeaderOf(block);
  if (slab->size_class == kRun) {
    FreeRun(slab);
  } else {
    FreeBlock(slab, block);
  }
}

// A run's address range is a power of two, so that ranges can be used again for other sizes;
// only the pages it needs are ever touched.
void* SlabAllocator::AllocateRun(std::size_t size) {
  const std::size_t bytes = RunBytes(size);
  if (bytes > kMostBlockBytes || !Fits(bytes)) return nullptr;
  const auto log2 = static_cast<std::size_t>(std::bit_width(std::max(bytes, kSlabBytes) - 1));
  void* range = nullptr;
  if (auto& ranges = free_runs_[log2]; !ranges.empty()) {
    range = ranges.back();
    ranges.pop_back();
  } else {
    range = Reserve(std::size_t{1} << log2, kSlabBytes);
  }
  if (range == nullptr) return nullptr;
  auto* run = new (range) Slab{};
  run->owner = this;
  run->bytes = bytes;
  run->size_class = kRun;
  slab_bytes_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  return FirstBlock(run);
}

void SlabAllocator::FreeRun(Slab* run) {
  const std::size_t bytes = run->bytes;
  madvise(run, bytes, MADV_DONTNEED);
  slab_bytes_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  Keep(run, free_runs_[static_cast<std::size_t>(std::bit_width(std::max(bytes, kSlabBytes) - 1))]);
}

// With many sizes in use each class has blocks to spare: up to a quarter larger is better than
// evicting.
SlabAllocator::Slab* SlabAllocator::OpenSlabOfLargerClass(std::size_t size_class) const {
  const std::size_t most = BlockBytes(size_class) * 5 / 4;
  for (std::size_t larger = size_class + 1; larger < kClasses && BlockBytes(larger) <= most;
       ++larger) {
    if (classes_[larger].open != nullptr) return classes_[larger].open;
  }
  return nullptr;
}

// From the region of address space set aside for slabs.
void* SlabAllocator::CutSlab() {
  if (region_ == region_end_) {
    region_ = static_cast<char*>(Reserve(kRegionBytes, kHugePageSize));
    region_end_ = region_ == nullptr ? nullptr : region_ + kRegionBytes;
    if (region_ == nullptr) return nullptr;
    if (limit() >= kPlenty) BackWithHugePage(region_);
  }
  void* slab = std::exchange(region_, region_ + kSlabBytes);
  const bool at_next = reinterpret_cast<std::uintptr_t>(region_) % kHugePageSize == 0;
  if (at_next && region_ != region_end_ && limit() >= kPlenty) next_huge_page_ = region_;
  return slab;
}

SlabAllocator::Slab* SlabAllocator::NewSlab(std::size_t size_class) {
  const std::size_t bytes = SlabBytes(size_class);
  if (!Fits(bytes)) return nullptr;
  void* memory = nullptr;
  if (!free_slabs_.empty()) {
    memory = free_slabs_.back();
    free_slabs_.pop_back();
  } else {
    memory = CutSlab();
    if (memory == nullptr) return nullptr;
  }
  auto* slab = new (memory) Slab{};
  slab->owner = this;
  slab->bytes = bytes;
  slab->block_bytes = static_cast<std::uint32_t>(BlockBytes(size_class));
  slab->size_class = static_cast<std::uint16_t>(size_class);
  slab->capacity = static_cast<std::uint16_t>((bytes - first_block_) / slab->block_bytes);
  slab_bytes_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  classes_[size_class].slab_blocks = slab->capacity;
  classes_[size_class].free_blocks += slab->capacity;
  ++classes_[size_class].empty_slabs;
  may_be_sparse_ = true;
  List(slab);
  return slab;
}

void* SlabAllocator::TakeBlock(Slab* slab) {
  void* block = slab->free;
  if (block != nullptr) {
    slab->free = LinkIn(block);
  } else {
    block = FirstBlock(slab) + std::size_t{slab->carved++} * slab->block_bytes;
    ClearFlags(block);
  }
  SizeClass& size_class = classes_[slab->size_class];
  if (slab->live++ == 0) --size_class.empty_slabs;
  --size_class.free_blocks;
  if (slab->live == slab->capacity) Unlist(slab);
  return block;
}

void SlabAllocator::FreeBlock(Slab* slab, void* block) {
  ClearFlags(block);
  LinkIn(block) = slab->free;
  slab->free = block;
  --slab->live;
  if (slab->draining) return;
  SizeClass& size_class = classes_[slab->size_class];
  ++size_class.free_blocks;
  may_be_sparse_ = may_be_sparse_ || size_class.sparse();
  if (!slab->listed) List(slab);
  if (slab->live > 0) return;
  // The class's last slab stays, or a key that comes and goes would map and unmap it each time.
  if (size_class.free_blocks == slab->capacity) {
    ++size_class.empty_slabs;
    may_be_sparse_ = true;
    return;
  }
  Unlist(slab);
  size_class.free_blocks -= slab->capacity;
  ReleaseSlab(slab);
}

// An empty slab that its class has already forgotten.
void SlabAllocator::ReleaseSlab(Slab* slab) {
  const std::size_t bytes = slab->bytes;
  madvise(slab, bytes, MADV_DONTNEED);
  slab_bytes_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  Keep(slab, free_slabs_);
}

// For later use. Without memory to remember it, the range of addresses, which has no pages any
// more, stays unused.
void SlabAllocator::Keep(void* range, std::vector<void*>& ranges) {
  try {
    ranges.push_back(range);
  } catch (const std::bad_alloc&) {
    return;
  }
}

SlabAllocator::Slab* SlabAllocator::FindEmptiest() const {
  const auto fill = [](const Slab* slab) { return std::size_t{slab->live} * slab->block_bytes; };
  Slab* emptiest = nullptr;
  for (const SizeClass& size_class : classes_) {
    const bool sparse = size_class.sparse();
    if (!sparse && size_class.empty_slabs == 0) continue;
    int looks = kMostLooks;
    for (Slab* slab = size_class.open; slab != nullptr && looks-- > 0; slab = slab->next) {
      if (!sparse && slab->live != 0) continue;
      if (emptiest == nullptr || fill(slab) < fill(emptiest)) emptiest = slab;
    }
  }
  return emptiest;
}

SlabAllocator::SparseSlab SlabAllocator::TakeSparseSlab() {
  const std::lock_guard lock(mutex_);
  Slab* slab = may_be_sparse_ ? FindEmptiest() : nullptr;
  may_be_sparse_ = slab != nullptr;
  if (slab == nullptr) return {};
  SparseSlab result{.slab = slab, .blocks = {}};
  result.blocks.reserve(slab->carved);
  Unlist(slab);
  slab->draining = true;
  SizeClass& size_class = classes_[slab->size_class];
  size_class.free_blocks -= std::size_t{slab->capacity} - slab->live;
  if (slab->live == 0) --size_class.empty_slabs;
  for (std::size_t i = 0; slab->live > 0 && i < slab->carved; ++i) {
    result.blocks.push_back(FirstBlock(slab) + i * slab->block_bytes);
  }
  return result;
}

bool SlabAllocator::ReturnSlab(void* memory) {
  const std::lock_guard lock(mutex_);
  auto* slab = static_cast<Slab*>(memory);
  if (slab->live == 0) {
    ReleaseSlab(slab);
    return true;
  }
  slab->draining = false;
  classes_[slab->size_class].free_blocks += std::size_t{slab->capacity} - slab->live;
  may_be_sparse_ = true;
  if (slab->live < slab->capacity) List(slab);
  return false;
}

void SlabAllocator::List(Slab* slab) {
  SizeClass& size_class = classes_[slab->size_class];
  slab->previous = nullptr;
  slab->next = size_class.open;
  if (slab->next != nullptr) slab->next->previous = slab;
  size_class.open = slab;
  slab->listed = true;
}

void SlabAllocator::Unlist(Slab* slab) {
  (slab->previous != nullptr ? slab->previous->next : classes_[slab->size_class].open) = slab->next;
  if (slab->next != nullptr) slab->next->previous = slab->previous;
  slab->listed = false;
}

// Address space aligned to a slab or more; no memory yet.
void* SlabAllocator::Reserve(std::size_t bytes, std::size_t alignment) {
  const std::size_t padded = bytes + alignment;
  try {
    reserved_.emplace_back(nullptr, padded);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  void* range = mmap(nullptr, padded, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) {
    reserved_.pop_back();
    return nullptr;
  }
  reserved_.back().first = range;
  return reinterpret_cast<void*>(RoundUp(reinterpret_cast<std::uintptr_t>(range), alignment));
}

}  // namespace kvcache
