// Memory for entries: slabs of equal blocks in reserved ranges of address space.
//
// Blocks up to 16 KiB come from slabs of 64 KiB, each cut into blocks of one size class: multiples
// of 16 bytes up to 1 KiB, then sizes that divide a slab evenly. (While memory is scarce slabs of
// small blocks are only 16 or 32 KiB long, so that a partly filled one in each class does not
// matter.) Larger blocks are page runs of their own, whose pages go back to the system when they
// are freed. A slab without blocks in use gives its pages back too, unless all free blocks of its
// class are in it. So used() is what is resident, but for the headers, a thousandth of it, and for
// a huge page's part (where memory is plenty) that slabs are still to be cut from.
//
// Address space is set aside in regions of 64 MiB. The first place of a region, of a slab's size,
// has the headers of what is in the others: together they stay in a processor's cache, which
// headers at the beginnings of slabs would not, as these share few of its sets.
//
// Slabs of a class that has become sparse are emptied by moving their entries: TakeSparseSlab
// withdraws one from use, the caller moves what is in it and frees the old blocks. One in which
// something stays (a Value holds it, or a reader may) is stuck until a block of it is freed: it is
// not tried again, and blocks are taken from it before all others.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace kvcache {

// Thread-safe. Values may outlive the tier, and with it this object's owner: see AddUser.
class SlabAllocator {
 public:
  static constexpr std::size_t kSlabBytes = std::size_t{64} << 10;  // at most, and apart
  static constexpr std::size_t kMostBlockBytes = std::size_t{1} << 36;

  // `alignment` of an entry's data: 16 or 64.
  explicit SlabAllocator(std::size_t alignment);

  // At least `size` bytes, 24 below a multiple of the alignment; null when that would take used()
  // above the limit, or there are no more. The byte where an entry has its flags is 0.
  void* Allocate(std::size_t size);

  // Bytes that Allocate(size) takes for itself, unless it must make do with a larger block.
  std::size_t ChargeFor(std::size_t size) const;
  // The same of any allocator whose memory is not scarce.
  static std::size_t ChargeAmidPlenty(std::size_t size, std::size_t alignment);
  // Bytes that a block takes.
  static std::size_t ChargeOf(const void* block);

  // Whether `size` bytes in a slab or run of their own would stay within the limit.
  bool HasRoomFor(std::size_t size) const;

  static void Free(void* block);
  // Of this allocator, all at once.
  void Free(std::span<void* const> blocks);

  // What the tier holds elsewhere (tables, order, history) and what Values hold of entries that
  // left: the first counts against the limit, the second extends it.
  void set_limit(std::uint64_t limit) { limit_.store(limit, std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void AddOverhead(std::int64_t bytes) { overhead_.fetch_add(bytes, std::memory_order_relaxed); }
  void AddPinned(std::int64_t bytes) { pinned_.fetch_add(bytes, std::memory_order_relaxed); }
  std::uint64_t pinned() const { return Get(pinned_); }
  // Slabs, page runs and overhead.
  std::uint64_t used() const { return Get(slab_bytes_) + Get(overhead_); }
  bool HasSlabs() const { return Get(slab_bytes_) != 0; }  // or runs
  // Even when `leaving` bytes of it are gone.
  bool OverLimit(std::uint64_t leaving = 0) const { return used() > limit() + pinned() + leaving; }

  // A slab to be emptied, and its blocks.
  struct SparseSlab {
    void* slab = nullptr;
    std::vector<void*> blocks;
  };
  // The emptiest of the slabs that are empty, or whose class has more than a slab's worth of free
  // blocks, and that are not stuck; null when there is none.
  SparseSlab TakeSparseSlab();
  // To the system if it is empty (true), or back into use.
  bool ReturnSlab(void* slab);

  // Users: the tier, and each entry that left it while a Value held it. The last one to go deletes.
  void AddUser() { users_.fetch_add(1, std::memory_order_relaxed); }
  void RemoveUser() {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  // The allocator of a block.
  static SlabAllocator& Of(const void* block) { return *HeaderOf(block)->owner; }

 private:
  struct alignas(64) Slab {
    SlabAllocator* owner;
    Slab* previous;  // in one of its class's lists of slabs with free blocks
    Slab* next;
    void* free;           // list of freed blocks
    std::uint64_t bytes;  // resident
    std::uint32_t block_bytes;
    std::uint16_t size_class;
    std::uint16_t capacity;  // blocks
    std::uint16_t carved;    // blocks ever handed out
    std::uint16_t live;      // blocks in use
    bool listed;
    bool draining;
    bool stuck;
  };
  static_assert(sizeof(Slab) == 64);

  // Address space with headers, of which the rest is not yet in use.
  struct Region {
    char* next = nullptr;
    char* end = nullptr;
  };

  struct SizeClass {
    Slab* open = nullptr;   // slabs with free blocks
    Slab* stuck = nullptr;  // those of them that are
    std::size_t free_blocks = 0;
    std::size_t slab_blocks = 0;  // in one slab
    std::size_t empty_slabs = 0;

    bool sparse() const { return free_blocks > slab_blocks; }
    Slab* next() const { return stuck != nullptr ? stuck : open; }  // to take a block from
  };

  static constexpr std::size_t kSmallClasses = 64;
  static constexpr std::size_t kClasses = 124;
  static constexpr std::size_t kRun = kClasses;  // in place of a size class: a page run
  static constexpr std::size_t kRegionBytes = std::size_t{64} << 20;  // and aligned so
  static constexpr std::size_t kRunSizes = 37;

  ~SlabAllocator();

  static std::uint64_t Get(const std::atomic<std::int64_t>& n) {
    return static_cast<std::uint64_t>(n.load(std::memory_order_relaxed));
  }
  // Of a block, or of a place for a slab or run.
  static Slab* HeaderOf(const void* block) {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const std::uintptr_t region = address & ~(kRegionBytes - 1);
    return reinterpret_cast<Slab*>(region) + (address - region) / kSlabBytes;
  }
  // Where what it heads begins.
  static char* PlaceOf(Slab* slab) {
    const std::uintptr_t region = reinterpret_cast<std::uintptr_t>(slab) & ~(kRegionBytes - 1);
    const auto number = static_cast<std::size_t>(slab - reinterpret_cast<Slab*>(region));
    return reinterpret_cast<char*>(region) + number * kSlabBytes;
  }
  static std::size_t ClassOf(std::size_t size);
  std::size_t ClassFor(std::size_t size) const;  // ClassOf, coarser while memory is very scarce
  static std::size_t BlockBytes(std::size_t size_class, std::size_t alignment);
  static std::size_t RunBytes(std::size_t size, std::size_t alignment);
  std::size_t SlabBytes(std::size_t size_class) const;
  char* FirstBlock(Slab* slab) const { return PlaceOf(slab) + first_block_; }
  char* Uncarved(Slab* slab) const {
    return FirstBlock(slab) + std::size_t{slab->carved} * slab->block_bytes;
  }
  bool Fits(std::size_t bytes) const;

  void FreeLocked(void* block, Slab*& unused);
  void GiveBack(Slab* unused);
  void* AllocateRun(std::size_t size);
  Slab* NewSlab(std::size_t size_class);
  Slab* OpenSlabOfLargerClass(std::size_t size_class) const;
  void* TakeBlock(Slab* slab);
  void PrefetchNextBlock(Slab* slab) const;
  bool FreeBlock(Slab* slab, void* block);
  static void Keep(Slab* unused, std::vector<Slab*>& kept);
  Slab* FindEmptiest() const;
  void List(Slab* slab);
  void Unlist(Slab* slab);
  Slab*& ListFor(const Slab* slab) {
    SizeClass& size_class = classes_[slab->size_class];
    return slab->stuck ? size_class.stuck : size_class.open;
  }
  Slab* Cut(Region& region, std::size_t bytes);
  Slab* CutSlab();
  char* Reserve(std::size_t bytes);

  const std::size_t alignment_;
  const std::size_t first_block_;  // offset in a slab or run
  std::atomic<std::uint64_t> limit_{0};
  std::atomic<std::int64_t> slab_bytes_{0};
  std::atomic<std::int64_t> overhead_{0};
  std::atomic<std::int64_t> pinned_{0};
  std::atomic<std::uint64_t> users_{1};

  std::mutex mutex_;  // all below
  std::array<SizeClass, kClasses> classes_{};
  bool may_be_sparse_ = false;     // else FindEmptiest, which looks at all classes, finds none
  std::vector<Slab*> free_slabs_;  // without pages
  std::array<std::vector<Slab*>, kRunSizes> free_runs_;  // by log2 of their address range
  Region slab_region_;
  Region run_region_;
  void* next_huge_page_ = nullptr;  // to be asked for: slabs are about to be cut from it
  std::vector<std::pair<void*, std::size_t>> reserved_;
};

}  // namespace kvcache
