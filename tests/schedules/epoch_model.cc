#include "schedules/epoch_model.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace kvcache::model {
namespace {

// What is explored from a state: the states that follow, and what was done.
struct Next {
  EpochState state;
  std::string what;
  bool wrong = false;
};

std::string Name(std::string_view who, std::size_t i) {
  return std::string(who) + " " + std::to_string(i + 1);
}

std::string Block(std::uint8_t block) {
  return block == kNoBlock ? "nothing" : "block " + std::to_string(block);
}

class EpochModel {
 public:
  explicit EpochModel(const EpochConfig& config) : config_(config) {}

  std::vector<Next> From(const EpochState& state) const {
    std::vector<Next> next;
    for (std::size_t r = 0; r < config_.readers; ++r) {
      Read(state, r, next);
      Drain(state, r, next);
    }
    Write(state, next);
    if (state.slot_buffer.size > 0) {
      EpochState then = state;
      DrainWriter(then);
      next.push_back({then, "the writer's buffer goes to memory"});
    }
    for (std::size_t c = 0; c < config_.collectors; ++c) Collect(state, c, next);
    return next;
  }

 private:
  using Reader = EpochState::Reader;
  using Collector = EpochState::Collector;

  bool Without(EpochRule rule) const { return config_.without == rule; }

  // Readers: Guard, Table::Find, use, ~Guard.

  enum ReaderStep : std::uint8_t { kReadEpoch, kAnnounce, kReadSlot, kUse, kLeave };

  std::array<ReaderStep, 5> ReaderSteps() const {
    if (Without(EpochRule::kAnnouncesBeforeReading)) {
      return {kReadSlot, kReadEpoch, kAnnounce, kUse, kLeave};
    }
    if (Without(EpochRule::kAnnouncesUntilDone)) {
      return {kReadEpoch, kAnnounce, kReadSlot, kLeave, kUse};
    }
    return {kReadEpoch, kAnnounce, kReadSlot, kUse, kLeave};
  }

  void Read(const EpochState& state, std::size_t r, std::vector<Next>& next) const {
    EpochState then = state;
    Reader& reader = then.readers[r];
    const ReaderStep step = ReaderSteps()[reader.at];
    const bool stores = step == kAnnounce || step == kLeave;
    if (stores && reader.buffer.full()) return;
    std::string what;
    switch (step) {
      case kReadEpoch:
        reader.epoch = then.now;
        what = "reads epoch " + std::to_string(reader.epoch);
        break;
      case kAnnounce:
        reader.buffer.Push(std::exchange(reader.epoch, std::uint8_t{0}));
        if (!config_.asymmetric && !Without(EpochRule::kBarrier)) DrainAll(reader);
        what = "announces it";
        break;
      case kReadSlot:
        reader.held = then.slot;
        what = "finds " + Block(reader.held);
        break;
      case kUse:
        reader.held = kNoBlock;
        what = "is done with what it found";
        break;
      case kLeave:
        reader.buffer.Push(0);
        what = "leaves";
        break;
    }
    reader.at = static_cast<std::uint8_t>((reader.at + 1) % 5);
    next.push_back({then, Name("reader", r) + " " + what});
  }

  static void DrainOne(Reader& reader) { reader.announced = reader.buffer.Pop(); }
  static void DrainAll(Reader& reader) {
    while (reader.buffer.size > 0) DrainOne(reader);
  }
  static void Drain(const EpochState& state, std::size_t r, std::vector<Next>& next) {
    if (state.readers[r].buffer.size == 0) return;
    EpochState then = state;
    DrainOne(then.readers[r]);
    next.push_back(
        {then, "the first store in the buffer of " + Name("reader", r) + " goes to memory"});
  }

  // The writer, which holds its shard's lock: links a free block or none in the place of another,
  // which it retires.

  static void DrainWriter(EpochState& state) {
    if (state.slot_buffer.size > 0) state.slot = state.slot_buffer.Pop();
  }

  void Write(const EpochState& state, std::vector<Next>& next) const {
    if (state.unlinked != kNoBlock) return Retire(state, next);
    if (Without(EpochRule::kStampsAfterUnlinking) && state.stamp == 0) {
      EpochState then = state;
      then.stamp = then.now;
      return next.push_back({then, "the writer reads the stamp " + std::to_string(then.stamp)});
    }
    Unlink(state, next);
  }

  static void Unlink(const EpochState& state, std::vector<Next>& next) {
    if (state.slot_buffer.full()) return;
    for (std::uint8_t block = 0; block <= kNoBlock; ++block) {
      const bool free = block == kNoBlock || (state.free >> block & 1) != 0;
      if (block == state.linked || !free) continue;
      EpochState then = state;
      then.unlinked = std::exchange(then.linked, block);
      then.free = static_cast<std::uint8_t>(then.free & ~(1U << block));
      then.slot_buffer.Push(block);
      next.push_back(
          {then, "the writer puts " + Block(block) + " in the place of " + Block(then.unlinked)});
    }
  }

  // Under the lock of the list of what is retired, which empties the buffer.
  void Retire(const EpochState& state, std::vector<Next>& next) const {
    EpochState then = state;
    DrainWriter(then);
    if (!Without(EpochRule::kStampsAfterUnlinking)) then.stamp = then.now;
    if (Without(EpochRule::kStampsPresentEpoch) && then.stamp > 1) --then.stamp;
    const std::string what = "the writer retires " + Block(then.unlinked) + " with the stamp " +
                             std::to_string(then.stamp);
    then.retired.Push(std::exchange(then.unlinked, kNoBlock));
    then.stamps.Push(std::exchange(then.stamp, std::uint8_t{0}));
    next.push_back({then, what});
  }

  // Collectors: MemoryTier::Collect.

  enum CollectorStep : std::uint8_t { kBegin, kAdvance, kBarrier, kLook, kFree };

  void Collect(const EpochState& state, std::size_t c, std::vector<Next>& next) const {
    EpochState then = state;
    Collector& collector = then.collectors[c];
    const auto add = [&](const std::string& what) {
      next.push_back({then, Name("collector", c) + " " + what});
    };
    switch (collector.at) {
      case kBegin:
        if (state.retired.size == 0) return;
        collector.to_collect = state.retired.size;
        collector.at = kAdvance;
        return add("begins");
      case kAdvance: {
        if (state.now == config_.last_epoch) return;
        collector.oldest = ++then.now;
        const bool barrier = config_.asymmetric && !Without(EpochRule::kBarrier);
        collector.at = barrier ? kBarrier : kLook;
        collector.to_do = AllReaders();
        return add("advances the epoch to " + std::to_string(then.now));
      }
      case kBarrier:
      case kLook:
        return VisitReaders(state, c, next);
      default:
        return Free(state, c, next);
    }
  }

  // A reader passes the barrier, or is looked at.
  void VisitReaders(const EpochState& state, std::size_t c, std::vector<Next>& next) const {
    for (std::size_t r = 0; r < config_.readers; ++r) {
      if ((state.collectors[c].to_do >> r & 1) == 0) continue;
      EpochState then = state;
      Collector& collector = then.collectors[c];
      Reader& reader = then.readers[r];
      std::string what = Name("collector", c);
      if (collector.at == kBarrier) {
        DrainAll(reader);
        what += "'s barrier reaches " + Name("reader", r);
      } else {
        if (reader.announced != 0) collector.oldest = std::min(collector.oldest, reader.announced);
        what +=
            " sees that " + Name("reader", r) + " announces " + std::to_string(reader.announced);
      }
      collector.to_do = static_cast<std::uint8_t>(collector.to_do & ~(1U << r));
      if (collector.to_do == 0) {
        if (collector.at == kBarrier) collector.to_do = AllReaders();
        ++collector.at;
      }
      next.push_back({then, what});
    }
  }

  void Free(const EpochState& state, std::size_t c, std::vector<Next>& next) const {
    EpochState then = state;
    const std::uint8_t oldest = then.collectors[c].oldest;
    std::string what = Name("collector", c) + " frees";
    bool wrong = false;
    while (then.collectors[c].to_collect > 0) {
      const std::uint8_t stamp = then.stamps.items[0];
      if (Without(EpochRule::kFreesOlderOnly) ? stamp > oldest : stamp >= oldest) break;
      then.stamps.Pop();
      const std::uint8_t block = then.retired.Pop();
      then.free = static_cast<std::uint8_t>(then.free | 1U << block);
      for (Collector& other : then.collectors) {
        if (other.to_collect > 0) --other.to_collect;
      }
      for (const Reader& reader : then.readers) wrong = wrong || reader.held == block;
      what += " " + Block(block);
    }
    then.collectors[c] = {};
    next.push_back({then, what, wrong});
  }

  std::uint8_t AllReaders() const { return static_cast<std::uint8_t>((1U << config_.readers) - 1); }

  const EpochConfig config_;
};

struct Hash {
  std::size_t operator()(const EpochState& state) const {
    static_assert(std::has_unique_object_representations_v<EpochState>);
    std::array<char, sizeof state> bytes;
    std::memcpy(bytes.data(), &state, sizeof state);
    return std::hash<std::string_view>()({bytes.data(), bytes.size()});
  }
};

}  // namespace

template <std::size_t kMost>
std::uint8_t EpochState::Queue<kMost>::Pop() {
  const std::uint8_t first = items[0];
  std::ranges::rotate(items, items.begin() + 1);
  items[--size] = 0;
  return first;
}

EpochExploration ExploreEpochs(const EpochConfig& config) {
  const EpochModel model(config);
  EpochExploration result;
  std::vector<EpochState> states{EpochState{}};
  std::vector<std::size_t> parents{0};
  std::unordered_map<EpochState, std::size_t, Hash> known{{states[0], 0}};
  const auto step_to = [&](std::size_t from, const EpochState& to) {
    const auto next = model.From(states[from]);
    return std::ranges::find(next, to, &Next::state)->what;
  };
  for (std::size_t i = 0; i < states.size(); ++i) {
    for (const Next& next : model.From(EpochState(states[i]))) {
      ++result.transitions;
      if (next.wrong) {
        result.schedule.push_back(next.what);
        for (std::size_t at = i; at != 0; at = parents[at]) {
          result.schedule.push_back(step_to(parents[at], states[at]));
        }
        std::ranges::reverse(result.schedule);
        return result;
      }
      if (!known.emplace(next.state, states.size()).second) continue;
      states.push_back(next.state);
      parents.push_back(i);
    }
  }
  result.states = states.size();
  return result;
}

}  // namespace kvcache::model
