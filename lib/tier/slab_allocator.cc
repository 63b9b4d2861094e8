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
constexpr std::size_t kUsable = SlabAllocator::kSlabBytes - (64 - sizeof(Entry));
constexpr std::size_t kMostSlabBlock = kUsable / kLeastBlocks / 64 * 64;
// Of larger blocks the processor itself finds the lines beyond.
constexpr std::size_t kPrefetched = 256;
// How many slabs of a class are looked at for the emptiest.
constexpr int kMostLooks = 64;
// Below this limit size classes are an eighth apart and slabs are short: a partly filled slab of
// every class must not take up a good part of the memory. Below that one they are a quarter apart.
constexpr std::uint64_t kLittle = std::uint64_t{8} << 20;
constexpr std::uint64_t kVeryLittle = std::uint64_t{1} << 18;
// From this limit on slabs are long, and backed by huge pages.
constexpr std::uint64_t kPlenty = std::uint64_t{64} << 20;
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

std::size_t FirstBlockAt(std::size_t alignment) { return alignment - sizeof(Entry) % alignment; }

// log2 of the address range of a run. It is a power of two, so that ranges can be used again for
// other sizes; only the pages it needs are ever touched.
std::size_t RunSizeOf(std::size_t bytes) {
  const std::size_t least = SlabAllocator::kSlabBytes;
  return static_cast<std::size_t>(std::bit_width(std::max(bytes, least) - 1));
}

}  // namespace

SlabAllocator::SlabAllocator(std::size_t alignment)
    : alignment_(alignment), first_block_(FirstBlockAt(alignment)) {}

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

std::size_t SlabAllocator::BlockBytes(std::size_t size_class, std::size_t alignment) {
  if (size_class < kSmallClasses) return RoundUp((size_class + 1) * 16, alignment);
  const std::size_t blocks = kUsable / kSmallest - (size_class - kSmallClasses);
  return kUsable / blocks / alignment * alignment;
}

std::size_t SlabAllocator::SlabBytes(std::size_t size_class) const {
  const std::size_t block = BlockBytes(size_class, alignment_);
  if (limit() >= kPlenty || block > 4096) return kSlabBytes;
  if (limit() < kLittle) return block > 1024 ? kSlabBytes / 4 : kSlabBytes / 16;
  return block > 2048 ? kSlabBytes : block > 1024 ? kSlabBytes / 2 : kSlabBytes / 4;
}

std::size_t SlabAllocator::RunBytes(std::size_t size, std::size_t alignment) {
  return RoundUp(FirstBlockAt(alignment) + size, kPageSize);
}

std::size_t SlabAllocator::ChargeFor(std::size_t size) const {
  size = RoundUp(size, alignment_);
  return size > kMostSlabBlock ? RunBytes(size, alignment_)
                               : BlockBytes(ClassFor(size), alignment_);
}

std::size_t SlabAllocator::ChargeAmidPlenty(std::size_t size, std::size_t alignment) {
  size = RoundUp(size, alignment);
  return size > kMostSlabBlock ? RunBytes(size, alignment) : BlockBytes(ClassOf(size), alignment);
}

std::size_t SlabAllocator::ChargeOf(const void* block) {
  const Slab* slab = HeaderOf(block);
  return slab->size_class == kRun ? slab->bytes : slab->block_bytes;
}

bool SlabAllocator::Fits(std::size_t bytes) const { return used() + bytes <= limit() + pinned(); }

bool SlabAllocator::HasRoomFor(std::size_t size) const {
  size = RoundUp(size, alignment_);
  return Fits(size > kMostSlabBlock ? RunBytes(size, alignment_) : SlabBytes(ClassFor(size)));
}

void* SlabAllocator::Allocate(std::size_t size) {
  size = RoundUp(size, alignment_);
  const std::size_t size_class = size > kMostSlabBlock ? kRun : ClassFor(size);
  void* block = nullptr;
  void* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (size_class == kRun) return AllocateRun(size);
    Slab* slab = classes_[size_class].next();
    if (slab == nullptr) slab = NewSlab(size_class);
    if (slab == nullptr) slab = OpenSlabOfLargerClass(size_class);
    if (slab != nullptr) block = TakeBlock(slab);
    next = std::exchange(next_huge_page_, nullptr);
  }
  if (next != nullptr) BackWithHugePage(next);
  return block;
}

void SlabAllocator::Free(void* block) { Of(block).Free({&block, 1}); }

void SlabAllocator::Free(std::span<void* const> blocks) {
  Slab* unused = nullptr;
  {
    const std::lock_guard lock(mutex_);
    for (void* block : blocks) FreeLocked(block, unused);
  }
  GiveBack(unused);
}

void SlabAllocator::FreeLocked(void* block, Slab*& unused) {
  Slab* slab = HeaderOf(block);
  if (slab->size_class != kRun && !FreeBlock(slab, block)) return;
  slab->next = std::exchange(unused, slab);
}

// Slabs and runs, linked by `next`, that are in no list of ours. Without the lock: the system may
// take long for many pages.
void SlabAllocator::GiveBack(Slab* unused) {
  while (unused != nullptr) {
    Slab* slab = std::exchange(unused, unused->next);
    madvise(PlaceOf(slab), slab->bytes, MADV_DONTNEED);
    slab_bytes_.fetch_sub(static_cast<std::int64_t>(slab->bytes), std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    Keep(slab, slab->size_class == kRun ? free_runs_[RunSizeOf(slab->bytes)] : free_slabs_);
  }
}

void* SlabAllocator::AllocateRun(std::size_t size) {
  const std::size_t bytes = RunBytes(size, alignment_);
  if (bytes > kMostBlockBytes || !Fits(bytes)) return nullptr;
  const std::size_t log2 = RunSizeOf(bytes);
  Slab* run = nullptr;
  if (auto& runs = free_runs_[log2]; !runs.empty()) {
    run = runs.back();
    runs.pop_back();
  } else {
    run = Cut(run_region_, std::size_t{1} << log2);
  }
  if (run == nullptr) return nullptr;
  *run = Slab{};
  run->owner = this;
  run->bytes = bytes;
  run->size_class = kRun;
  slab_bytes_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  return FirstBlock(run);
}

// With many sizes in use each class has blocks to spare: up to a quarter larger is better than
// evicting.
SlabAllocator::Slab* SlabAllocator::OpenSlabOfLargerClass(std::size_t size_class) const {
  const std::size_t most = BlockBytes(size_class, alignment_) * 5 / 4;
  for (std::size_t larger = size_class + 1;
       larger < kClasses && BlockBytes(larger, alignment_) <= most; ++larger) {
    if (Slab* slab = classes_[larger].next(); slab != nullptr) return slab;
  }
  return nullptr;
}

// A place for so many bytes, of the region or of a new one in its stead. What is too large to share
// one is where it begins in a region of its own.
SlabAllocator::Slab* SlabAllocator::Cut(Region& region, std::size_t bytes) {
  const bool alone = bytes > kRegionBytes / 2;
  if (alone || static_cast<std::size_t>(region.end - region.next) < bytes) {
    const std::size_t whole = alone ? kSlabBytes + bytes : kRegionBytes;
    char* begin = Reserve(whole);
    if (begin == nullptr) return nullptr;
    if (alone) return HeaderOf(begin + kSlabBytes);
    region = {.next = begin + kSlabBytes, .end = begin + kRegionBytes};
  }
  return HeaderOf(std::exchange(region.next, region.next + bytes));
}

SlabAllocator::Slab* SlabAllocator::CutSlab() {
  Slab* slab = Cut(slab_region_, kSlabBytes);
  if (slab == nullptr || limit() < kPlenty) return slab;
  const auto next = reinterpret_cast<std::uintptr_t>(slab_region_.next);
  if (next % kRegionBytes == 2 * kSlabBytes) {  // the first of its region
    BackWithHugePage(slab_region_.next - 2 * kSlabBytes);
  } else if (next % kHugePageSize == 0 && slab_region_.next != slab_region_.end) {
    next_huge_page_ = slab_region_.next;
  }
  return slab;
}

SlabAllocator::Slab* SlabAllocator::NewSlab(std::size_t size_class) {
  const std::size_t bytes = SlabBytes(size_class);
  if (!Fits(bytes)) return nullptr;
  Slab* slab = nullptr;
  if (!free_slabs_.empty()) {
    slab = free_slabs_.back();
    free_slabs_.pop_back();
  } else {
    slab = CutSlab();
    if (slab == nullptr) return nullptr;
  }
  *slab = Slab{};
  slab->owner = this;
  slab->bytes = bytes;
  slab->block_bytes = static_cast<std::uint32_t>(BlockBytes(size_class, alignment_));
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
    block = Uncarved(slab);
    ++slab->carved;
    ClearFlags(block);
  }
  SizeClass& size_class = classes_[slab->size_class];
  if (slab->live++ == 0) --size_class.empty_slabs;
  --size_class.free_blocks;
  if (slab->live == slab->capacity) Unlist(slab);
  if (Slab* next = size_class.next(); next != nullptr) PrefetchNextBlock(next);
  return block;
}

// Asks for the lines of the block that is taken next: it has been free for a while and is cold, and
// a write that waits for it holds up the next lock.
void SlabAllocator::PrefetchNextBlock(Slab* slab) const {
  const char* block = slab->free != nullptr ? static_cast<const char*>(slab->free) : Uncarved(slab);
  const std::size_t bytes = std::min<std::size_t>(slab->block_bytes, kPrefetched);
  for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(block + at, 1);
}

// Whether that leaves the slab empty and in no list, to be given back.
bool SlabAllocator::FreeBlock(Slab* slab, void* block) {
  ClearFlags(block);
  LinkIn(block) = slab->free;
  slab->free = block;
  --slab->live;
  if (slab->draining) return false;
  SizeClass& size_class = classes_[slab->size_class];
  ++size_class.free_blocks;
  may_be_sparse_ = may_be_sparse_ || size_class.sparse();
  if (slab->stuck) {
    if (slab->listed) Unlist(slab);
    slab->stuck = false;
  }
  if (!slab->listed) List(slab);
  if (slab->live > 0) return false;
  // One that has all free blocks of its class stays, or a key that comes and goes would map and
  // unmap it each time.
  if (size_class.free_blocks == slab->capacity) {
    ++size_class.empty_slabs;
    may_be_sparse_ = true;
    return false;
  }
  Unlist(slab);
  size_class.free_blocks -= slab->capacity;
  return true;
}

// For later use. Without memory to remember it, its range of addresses, which has no pages any
// more, stays unused.
void SlabAllocator::Keep(Slab* unused, std::vector<Slab*>& kept) {
  try {
    kept.push_back(unused);
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
  auto* slab = static_cast<Slab*>(memory);
  {
    const std::lock_guard lock(mutex_);
    if (slab->live > 0) {
      slab->draining = false;
      slab->stuck = true;
      classes_[slab->size_class].free_blocks += std::size_t{slab->capacity} - slab->live;
      may_be_sparse_ = true;
      if (slab->live < slab->capacity) List(slab);
      return false;
    }
    slab->next = nullptr;
  }
  GiveBack(slab);
  return true;
}

void SlabAllocator::List(Slab* slab) {
  Slab*& first = ListFor(slab);
  slab->previous = nullptr;
  slab->next = first;
  if (first != nullptr) first->previous = slab;
  first = slab;
  slab->listed = true;
}

void SlabAllocator::Unlist(Slab* slab) {
  (slab->previous != nullptr ? slab->previous->next : ListFor(slab)) = slab->next;
  if (slab->next != nullptr) slab->next->previous = slab->previous;
  slab->listed = false;
}

// Address space, aligned to regions; no memory yet but a page behind it. That is touched before
// parts of the range are asked to be huge pages: what shares a first page (Linux's anon_vma)
// becomes one mapping again after madvise, and what does not stays one for each huge page, until
// the process has as many as it may have.
char* SlabAllocator::Reserve(std::size_t bytes) {
  const std::size_t mapped = bytes + kPageSize;
  const std::size_t padded = mapped + kRegionBytes;
  try {
    reserved_.emplace_back(nullptr, mapped);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  void* range = mmap(nullptr, padded, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) {
    reserved_.pop_back();
    return nullptr;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(range);
  const std::size_t before = RoundUp(address, kRegionBytes) - address;
  char* begin = static_cast<char*>(range) + before;
  if (before != 0) munmap(range, before);
  munmap(begin + mapped, padded - before - mapped);
  begin[bytes] = 1;
  reserved_.back().first = begin;
  return begin;
}

}  // namespace kvcache
