// The model and the real cache side by side: what one does the other has to do.
//
// The real code can be stopped at its calls of the store, so it goes in segments: from the
// beginning of an operation to its call of the store, an effect of that call on the store, from
// there to the operation's end. The model takes all steps of such a segment. After each segment all
// that can be seen is compared: where every thread stands, what was returned and whether it was a
// hit, every counter of the protocol, and what the tier holds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "schedules/protocol_model.h"
#include "schedules/stepped_cache.h"

namespace kvcache::model {

// A segment: a thread goes on, or begins `op`.
struct Segment {
  std::uint8_t thread = 0;
  Op op;
  Outcome outcome = Outcome::kOk;  // if it is an effect on the store

  friend bool operator==(const Segment&, const Segment&) = default;
};
std::string ToText(const Segment& segment);

// The model's side alone.
class Segments {
 public:
  explicit Segments(const Model& model) : model_(&model) {}

  // To the beginning: nothing is under way, and the tier holds both keys or none.
  void Reset(bool warm);
  const State& state() const { return state_; }
  bool CanGo(std::uint8_t thread) const;
  // Whether its next segment is an effect on the store that can fail; and as which.
  std::vector<Outcome> Outcomes(std::uint8_t thread) const;
  void Go(const Segment& segment, Shown& shown);
  // Whether what two threads do next is the same, and shows the same, in either order.
  bool Commute(const Segment& a, const Segment& b) const;
  // Where the thread stands now, as Actor::place().
  int Place(std::uint8_t thread) const;

 private:
  const Model* model_;
  State state_;
};

class Lockstep {
 public:
  Lockstep(const Model& model, const Options& options);

  // Plays a schedule at whose end all threads are idle. Empty if both sides did the same; otherwise
  // how they differ and after which segments, and the cache is not to be used any more.
  std::string Play(const std::vector<Segment>& schedule, bool warm);

 private:
  void Go(const Segment& segment);
  void NoteCommit(const Segment& segment, const State& before);
  void Compare();
  void ComparePlaces();
  void ComparePlace(std::uint8_t thread, int place);
  void CompareAnswers();
  void CompareCounters();
  void CompareTier();
  void Differ(const std::string& what, const std::string& model, const std::string& cache);
  bool CountersAgree();
  std::string TextOf(std::uint8_t key, Version version) const;

  const Model& model_;
  SteppedCache cache_;
  std::uint64_t operations_ = 0;  // begun so far: their values' names
  // Of the schedule being played.
  Segments segments_;
  ShardStats before_;  // it began
  Shown shown_;        // since then
  // Of each thread's operation: whether it is under way, what it puts, what it has been answered.
  std::array<bool, kMostThreads> under_way_{};
  std::array<std::string, kMostThreads> values_;
  std::array<std::map<std::uint8_t, std::string>, kMostThreads> answers_;  // by key
  std::array<std::map<Version, std::string>, kMostKeys> texts_;            // what versions are
  std::string difference_;
};

}  // namespace kvcache::model
