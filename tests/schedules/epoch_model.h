// The epochs of lib/base/epoch.h with the retired list of lib/tier/memory_tier.cc, as a state
// machine: readers, a writer that links and unlinks blocks, and collectors that free them.
//
// Memory is that of x86 (TSO): a plain store waits in its thread's buffer, of which it goes to
// memory, first in first out, at some later time; a read-modify-write and a lock empty the buffer
// first, and membarrier(2) empties every thread's at some moment of its own. A stamp is read
// behind a barrier, which empties the buffer too.
//
// A block is freed while a reader holds it: that is what must not be.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::model {

enum class EpochRule : std::uint8_t {
  kBarrier,
  kAnnouncesBeforeReading,
  kAnnouncesUntilDone,
  kStampsAfterUnlinking,
  kStampsPresentEpoch,
  kFreesOlderOnly,
  kNone,
};

struct EpochRuleText {
  EpochRule rule;
  std::string_view without;
};
inline constexpr EpochRuleText kEpochRules[] = {
    {EpochRule::kBarrier, "no barrier between announcing and reading"},
    {EpochRule::kAnnouncesBeforeReading, "a reader reads the pointer, and announces itself then"},
    {EpochRule::kAnnouncesUntilDone, "a reader leaves before it is done with the block"},
    {EpochRule::kStampsAfterUnlinking, "a block is stamped, and unlinked then"},
    {EpochRule::kStampsPresentEpoch, "a block is stamped with the epoch before the present one"},
    {EpochRule::kFreesOlderOnly, "what is stamped with the oldest epoch announced is freed"},
};

inline constexpr std::size_t kMostReaders = 2;
inline constexpr std::size_t kMostCollectors = 2;
inline constexpr std::size_t kBlocks = 2;
inline constexpr std::uint8_t kNoBlock = kBlocks;

struct EpochConfig {
  std::size_t readers = 1;
  std::size_t collectors = 1;
  std::uint8_t last_epoch = 3;
  bool asymmetric = true;  // readers do without a barrier, and collectors call membarrier
  EpochRule without = EpochRule::kNone;
};

struct EpochState {
  // First in, first out.
  template <std::size_t kMost>
  struct Queue {
    std::array<std::uint8_t, kMost> items{};
    std::uint8_t size = 0;

    bool full() const { return size == kMost; }
    void Push(std::uint8_t item) { items[size++] = item; }
    std::uint8_t Pop();
    friend bool operator==(const Queue&, const Queue&) = default;
  };

  struct Reader {
    std::uint8_t at = 0;  // steps of its round that it has taken
    std::uint8_t epoch = 0;
    std::uint8_t held = kNoBlock;
    std::uint8_t announced = 0;  // in memory
    Queue<2> buffer;             // stores to `announced`
    friend bool operator==(const Reader&, const Reader&) = default;
  };
  struct Collector {
    std::uint8_t at = 0;
    std::uint8_t to_collect = 0;  // from the front of what is retired
    std::uint8_t oldest = 0;
    std::uint8_t to_do = 0;  // threads that have not passed the barrier, or not been looked at
    friend bool operator==(const Collector&, const Collector&) = default;
  };

  std::uint8_t now = 1;
  std::uint8_t slot = 0;             // in memory: the block that readers find
  std::uint8_t linked = 0;           // the same as the writer has it
  Queue<1> slot_buffer;              // the writer's stores to the slot
  std::uint8_t unlinked = kNoBlock;  // by the writer, and not yet retired
  std::uint8_t stamp = 0;            // read by the writer, and not yet used
  Queue<kBlocks> retired;            // blocks
  Queue<kBlocks> stamps;             // theirs
  std::uint8_t free = 0b10;          // bit i: block i
  std::array<Reader, kMostReaders> readers;
  std::array<Collector, kMostCollectors> collectors;

  friend bool operator==(const EpochState&, const EpochState&) = default;
};

struct EpochExploration {
  std::size_t states = 0;
  std::size_t transitions = 0;
  std::vector<std::string> schedule = {};  // that leads to a block freed while it is held
};

// From one block linked and one free; without end, but that there are so many epochs.
EpochExploration ExploreEpochs(const EpochConfig& config);

}  // namespace kvcache::model
