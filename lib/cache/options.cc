#include "kvcache/options.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "tier/policy_registry.h"

namespace kvcache {

Result<void> Options::Validate() const {
  if (auto parsed = ParsePolicy(policy); !parsed) return std::unexpected(parsed.error());
  if (shards > 1024 || (shards != 0 && !std::has_single_bit(shards))) {
    return Fail(
        ErrorCode::kInvalidArgument,
        fmt::format("shards = {}: use a power of two up to 1024, or 0 for the default", shards));
  }
  if (value_alignment != 16 && value_alignment != 64) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("value_alignment = {}: use 16 or 64", value_alignment));
  }
  if (memory_budget != 0 && capacity_entries != 0) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "memory_budget and capacity_entries: a budget of bytes cannot be counted in entries");
  }
  const auto is_share = [](double x) { return x >= 0 && x <= 1; };  // not of NaN
  if (tier_share && !is_share(*tier_share)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("tier_share = {}: use a share from 0 to 1", *tier_share));
  }
  if (tier_share && memory_budget == 0) {
    return Fail(ErrorCode::kInvalidArgument, "tier_share without a memory_budget that it shares");
  }
  if (audit_one_in > std::uint64_t{1} << 62) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("audit_one_in = {}: use at most 2^62, or 0 for none", audit_one_in));
  }
  return {};
}

Result<void> RecordOptions::Validate() const {
  if (path.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "RecordOptions::path is empty: name the file");
  }
  if (std::isnan(sample) || sample <= 0 || sample > 1) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("sample = {}: use a share of the keys, above 0 and up to 1", sample));
  }
  return {};
}

}  // namespace kvcache
