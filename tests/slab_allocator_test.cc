// SlabAllocator: alignment, accounts, and giving memory back.
#include "tier/slab_allocator.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "harness.h"
#include "tier/entry.h"

namespace kvcache {
namespace {

struct Owner {
  explicit Owner(std::size_t alignment, std::uint64_t limit = std::uint64_t{1} << 40)
      : slabs(*new SlabAllocator(alignment)) {
    slabs.set_limit(limit);
  }
  ~Owner() { slabs.RemoveUser(); }
  SlabAllocator& slabs;
};

TEST_CASE("slabs: blocks of every size are aligned, apart from each other, and as large as asked") {
  for (const std::size_t alignment : {16U, 64U}) {
    CAPTURE(alignment);
    Owner owner(alignment);
    std::mt19937_64 random(testing::Seed());
    std::map<char*, std::size_t> blocks;
    for (int step = 0; step < 20000; ++step) {
      if (!blocks.empty() && random() % 3 == 0) {
        auto block = blocks.lower_bound(reinterpret_cast<char*>(random()));
        if (block == blocks.end()) block = blocks.begin();
        SlabAllocator::Free(block->first);
        blocks.erase(block);
        continue;
      }
      const std::size_t size = sizeof(Entry) + random() % (random() % 20 == 0 ? 200000 : 3000);
      auto* block = static_cast<char*>(owner.slabs.Allocate(size));
      REQUIRE(block != nullptr);
      REQUIRE((reinterpret_cast<std::uintptr_t>(block) + sizeof(Entry)) % alignment == 0);
      REQUIRE(owner.slabs.ChargeFor(size) >= size);
      std::memset(block, 0x5a, size - 1);
      const auto next = blocks.lower_bound(block);
      REQUIRE((next == blocks.end() || next->first >= block + size));
      REQUIRE(
          (next == blocks.begin() || std::prev(next)->first + std::prev(next)->second <= block));
      blocks.emplace(block, size);
    }
    for (const auto& [block, size] : blocks) SlabAllocator::Free(block);
  }
}

// A process has at most vm.max_map_count mappings, 65,530 by default.
TEST_CASE("slabs: their huge pages are few mappings, not one each") {
  Owner owner(16);
  std::vector<void*> blocks(std::size_t{1} << 17);
  for (void*& block : blocks) block = owner.slabs.Allocate(1024);
  const auto [first, last] = std::ranges::minmax(blocks);
  std::ifstream maps("/proc/self/maps");
  int mappings = 0;
  for (std::string line; std::getline(maps, line);) {
    const auto begin = std::stoull(line, nullptr, 16);
    mappings += begin > reinterpret_cast<std::uintptr_t>(first) &&
                begin < reinterpret_cast<std::uintptr_t>(last);
  }
  CHECK(mappings < 20);
  for (void* block : blocks) SlabAllocator::Free(block);
}

TEST_CASE("slabs: rounding costs at most a sixteenth up to 4 KiB, and a page beyond 16 KiB") {
  Owner owner(16);
  for (std::size_t size = 256; size < 4096; size += 7) {
    REQUIRE(owner.slabs.ChargeFor(size) <= size + size / 15 + 16);
  }
  for (std::size_t size = 20000; size < 300000; size += 1111) {
    REQUIRE(owner.slabs.ChargeFor(size) < size + 4096 + 128);
  }
}

TEST_CASE("slabs: the limit holds, and overhead counts against it") {
  constexpr std::uint64_t kLimit = 16 * SlabAllocator::kSlabBytes;
  Owner owner(16, kLimit);
  owner.slabs.AddOverhead(3 * SlabAllocator::kSlabBytes);
  std::vector<void*> blocks;
  while (void* block = owner.slabs.Allocate(1000)) blocks.push_back(block);
  CHECK(owner.slabs.used() == kLimit);
  CHECK_FALSE(owner.slabs.HasRoomFor(1000));
  CHECK(owner.slabs.Allocate(100000) == nullptr);
  SlabAllocator::Free(blocks.back());
  blocks.pop_back();
  void* again = owner.slabs.Allocate(1000);
  CHECK(again != nullptr);
  blocks.push_back(again);
  // What Values hold of entries that left extends the limit.
  owner.slabs.AddPinned(SlabAllocator::kSlabBytes);
  void* more = owner.slabs.Allocate(1000);
  CHECK(more != nullptr);
  blocks.push_back(more);
  for (void* block : blocks) SlabAllocator::Free(block);
}

TEST_CASE("slabs: empty slabs and freed page runs go back to the system, but a class's last slab") {
  Owner owner(16);
  std::vector<void*> blocks;
  for (int i = 0; i < 5000; ++i) blocks.push_back(owner.slabs.Allocate(500));
  void* run = owner.slabs.Allocate(1 << 20);
  CHECK(owner.slabs.used() > 5000 * 500 + (1 << 20));
  SlabAllocator::Free(run);
  for (void* block : blocks) SlabAllocator::Free(block);
  CHECK(owner.slabs.used() == SlabAllocator::kSlabBytes);
  // It is handed over when another class wants memory.
  const auto empty = owner.slabs.TakeSparseSlab();
  REQUIRE(empty.slab != nullptr);
  CHECK(empty.blocks.empty());
  CHECK(owner.slabs.ReturnSlab(empty.slab));
  CHECK(owner.slabs.used() == 0);
  CHECK(owner.slabs.TakeSparseSlab().slab == nullptr);
}

TEST_CASE("slabs: blocks that share a region of addresses, fill it or are larger lie apart") {
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  Owner owner(64);
  std::map<char*, std::size_t> blocks;
  for (int round = 0; round < 2; ++round) {  // the second in the addresses of the first
    for (const std::size_t size : {kMiB, 15 * kMiB, 16 * kMiB - 4096, 20 * kMiB, 33 * kMiB,
                                   64 * kMiB, 100 * kMiB, std::size_t{100}}) {
      for (int i = 0; i < 3; ++i) {
        auto* block = static_cast<char*>(owner.slabs.Allocate(size));
        REQUIRE(block != nullptr);
        CHECK(&SlabAllocator::Of(block) == &owner.slabs);
        CHECK(SlabAllocator::ChargeOf(block) >= size);
        block[0] = block[size - 1] = static_cast<char>(blocks.size());
        blocks.emplace(block, size);
      }
    }
    for (auto block = blocks.begin(), next = std::next(block); next != blocks.end();
         block = next++) {
      CHECK(block->first + block->second <= next->first);
    }
    for (const auto& [block, size] : blocks) {
      CHECK(block[0] == block[size - 1]);
      SlabAllocator::Free(block);
    }
    blocks.clear();
    CHECK(owner.slabs.used() == SlabAllocator::kSlabBytes);  // the small class's last
  }
}

TEST_CASE("slabs: a sparse slab is withdrawn from use until it is returned") {
  Owner owner(16);
  std::vector<void*> blocks;
  for (int i = 0; i < 450; ++i) blocks.push_back(owner.slabs.Allocate(1000));
  // Every other one goes: more than a slab's worth of free blocks.
  std::vector<void*> kept;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i % 2 == 0) {
      SlabAllocator::Free(blocks[i]);
    } else {
      kept.push_back(blocks[i]);
    }
  }
  const auto sparse = owner.slabs.TakeSparseSlab();
  REQUIRE(sparse.slab != nullptr);
  CHECK(sparse.blocks.size() > 10);
  for (int i = 0; i < 20; ++i) {
    void* block = owner.slabs.Allocate(1000);
    kept.push_back(block);
    CHECK(std::ranges::find(sparse.blocks, block) == sparse.blocks.end());
  }
  CHECK_FALSE(owner.slabs.ReturnSlab(sparse.slab));  // half of it is still in use
  for (void* block : kept) SlabAllocator::Free(block);
  CHECK(owner.slabs.used() == SlabAllocator::kSlabBytes);
}

TEST_CASE("slabs: one that cannot be emptied is not taken again until a block of it is freed") {
  Owner owner(16);
  // Per slab of 1,000-byte blocks one block in use: there are many slabs to be emptied.
  std::map<void*, void*> in_use;  // by slab
  std::vector<void*> blocks;
  for (int i = 0; i < 6500; ++i) blocks.push_back(owner.slabs.Allocate(1000));
  for (void* block : blocks) {
    const auto slab = reinterpret_cast<std::uintptr_t>(block) / SlabAllocator::kSlabBytes;
    if (!in_use.try_emplace(reinterpret_cast<void*>(slab), block).second) {
      SlabAllocator::Free(block);
    }
  }
  REQUIRE(in_use.size() > 64);
  std::map<void*, std::vector<void*>> taken;
  for (std::size_t i = 0; i < in_use.size(); ++i) {
    const auto sparse = owner.slabs.TakeSparseSlab();
    REQUIRE(sparse.slab != nullptr);
    REQUIRE(taken.try_emplace(sparse.slab, sparse.blocks).second);
    REQUIRE_FALSE(owner.slabs.ReturnSlab(sparse.slab));
  }
  CHECK(owner.slabs.TakeSparseSlab().slab == nullptr);
  // They are filled before a new one is begun.
  const std::uint64_t used = owner.slabs.used();
  void* second = owner.slabs.Allocate(1000);
  CHECK(owner.slabs.used() == used);
  const auto filled = std::ranges::find_if(taken, [second](const auto& slab) {
    return std::ranges::find(slab.second, second) != slab.second.end();
  });
  REQUIRE(filled != taken.end());
  CHECK(owner.slabs.TakeSparseSlab().slab == nullptr);
  SlabAllocator::Free(second);
  const auto again = owner.slabs.TakeSparseSlab();
  CHECK(again.slab == filled->first);
  CHECK_FALSE(owner.slabs.ReturnSlab(again.slab));
  for (const auto& [slab, block] : in_use) SlabAllocator::Free(block);
  CHECK(owner.slabs.used() == SlabAllocator::kSlabBytes);
}

}  // namespace
}  // namespace kvcache
