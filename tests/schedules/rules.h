// The rules of the protocol, each of which can be left out: what then goes wrong shows that the
// rule is needed, and that the model sees it when it is missing. The numbers are those of the rules
// on coherence in CONTRIBUTING.md.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvcache::model {

enum class Rule : std::uint8_t {
  kDropsBeforeCommit,
  kOvertakesLoads,
  kBeginsAllFirst,
  kCrossingWritesAreNotCached,
  kCrossedSticks,
  kEndsAndInsertsAtOnce,
  kFailedWritesAreNotCached,
  kAloneIsNotShared,
  kAloneIsNotCached,
  kLooksAgain,
  kRegistersWhereItLooks,
  kOwnLoadsBeforeOthers,
  kStaleTakesNoReaders,
  kStaleIsNotCached,
  kEndsByIdentity,
  kFailedLoadsAnswer,
  kRangeCoversUncached,
  kRangeCrosses,
  kRangeCrossesLaterWrites,
  kRangeOvertakesLoads,
  kRangeSweepsBeforeCommit,
  kInvalidateOvertakesLoads,
  kInvalidateCrosses,
  kInvalidateAllMarksFirst,
  kSwitchForgetsNoWrites,
  kEndsAfterCommit,
};

struct RuleText {
  Rule rule;
  std::string_view number;
  std::string_view without;  // what is done where the rule is left out
};

inline constexpr RuleText kRules[] = {
    {Rule::kDropsBeforeCommit, "1", "a write drops the cached entry after its commit"},
    {Rule::kOvertakesLoads, "1", "a write leaves loads in flight as they are"},
    {Rule::kBeginsAllFirst, "1", "a batch begins its second key after its commit"},
    {Rule::kCrossingWritesAreNotCached, "2", "writes that crossed are cached"},
    {Rule::kCrossedSticks, "2", "a write is cached if it is alone when it ends"},
    {Rule::kEndsAndInsertsAtOnce, "2", "a write ends, and inserts later"},
    {Rule::kFailedWritesAreNotCached, "3", "a write that fails is cached"},
    {Rule::kAloneIsNotShared, "4", "a miss beside a write shares its read"},
    {Rule::kAloneIsNotCached, "4", "a miss beside a write caches what it read"},
    {Rule::kLooksAgain, "5", "a miss does not look at the table again under the lock"},
    {Rule::kRegistersWhereItLooks, "5", "a load is registered some time after looking"},
    {Rule::kOwnLoadsBeforeOthers, "5", "MultiGet waits for others' loads before it does its own"},
    {Rule::kStaleTakesNoReaders, "6", "a stale load can still be joined"},
    {Rule::kStaleIsNotCached, "6", "a stale load is cached"},
    {Rule::kEndsByIdentity, "6", "a load ends whichever load of its key is registered"},
    {Rule::kFailedLoadsAnswer, "6", "a failed load tells nobody"},
    {Rule::kRangeCoversUncached, "7", "reads beside a range deletion are shared and cached"},
    {Rule::kRangeCrosses, "7", "a range deletion does not cross writes under way"},
    {Rule::kRangeCrossesLaterWrites, "7", "writes that begin beside a range deletion are cached"},
    {Rule::kRangeOvertakesLoads, "7", "a range deletion leaves loads in flight as they are"},
    {Rule::kRangeSweepsBeforeCommit, "7", "a range deletion sweeps the tier after its commit"},
    {Rule::kInvalidateOvertakesLoads, "8", "Invalidate leaves loads in flight as they are"},
    {Rule::kInvalidateCrosses, "8", "Invalidate does not cross writes under way"},
    {Rule::kInvalidateAllMarksFirst, "8", "InvalidateAll sweeps first and then marks"},
    {Rule::kSwitchForgetsNoWrites, "9", "a change of settings forgets writes under way"},
    {Rule::kEndsAfterCommit, "10", "a write is cached, and acknowledged, before its commit"},
};

class Rules {
 public:
  bool Has(Rule rule) const { return (without_ >> static_cast<unsigned>(rule) & 1) == 0; }
  Rules Without(Rule rule) const {
    Rules rules = *this;
    rules.without_ |= 1U << static_cast<unsigned>(rule);
    return rules;
  }

 private:
  std::uint32_t without_ = 0;
};

}  // namespace kvcache::model
