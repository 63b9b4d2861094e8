// Operations and steps as people read them.
#include "schedules/protocol_model.h"

namespace kvcache::model {

std::string ToText(Op op) {
  static constexpr std::string_view kNames[] = {
      "idle",       "Get",          "Put", "Delete", "DeleteRange", "Put and then DeleteRange",
      "Invalidate", "InvalidateAll"};
  const bool many = op.keys == 3;
  std::string text(kNames[static_cast<std::size_t>(op.kind)]);
  if (many && op.kind == Kind::kGet) text = "MultiGet";
  if (many && op.kind == Kind::kPut) text = "Write";
  constexpr std::string_view kKeys[] = {"", "(a)", "(b)", "(a, b)"};
  return text.append(kKeys[op.keys]);
}

std::string ToText(const Step& step) {
  const std::string key(1, static_cast<char>('a' + step.key));
  if (step.thread == kNobody) return "--  entry of " + key + " is evicted";
  static constexpr std::string_view kNames[] = {"finds without the lock",
                                                "looks again under the lock",
                                                "registers its load",
                                                "reads the store",
                                                "finishes its read",
                                                "waits",
                                                "begins its write",
                                                "commits to the store",
                                                "ends its write",
                                                "inserts",
                                                "begins its scope",
                                                "sweeps",
                                                "ends its scope",
                                                "writes the store past the cache",
                                                "invalidates",
                                                "marks what is in flight"};
  std::string text = "T" + std::to_string(step.thread + 1) + "  " + ToText(step.op) + ": " +
                     std::string(kNames[static_cast<std::size_t>(step.phase)]);
  if (step.phase != Phase::kCommit && step.phase != Phase::kCommitOutside) text += ", " + key;
  if (step.outcome == Outcome::kFails) text += ": fails";
  if (step.outcome == Outcome::kFailsAfterEffect) text += ": an error, after taking effect";
  return text;
}

}  // namespace kvcache::model
