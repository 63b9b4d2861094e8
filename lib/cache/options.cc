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
