// `oracle-general`: libCacheSim's oracleGeneral, records of 24 bytes, little-endian: uint32
// seconds, uint64 object, uint32 size, int64 number of the request that asks for the object next,
// from 1; -1 if none does.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "simulate/trace_format.h"

namespace kvcache {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kRecordBytes = 24;

struct Record {
  explicit Record(const char* bytes) {
    std::memcpy(&time, bytes, sizeof time);
    std::memcpy(&object, bytes + 4, sizeof object);
    std::memcpy(&size, bytes + 12, sizeof size);
    std::memcpy(&next, bytes + 16, sizeof next);
  }

  std::uint32_t time;
  std::uint64_t object;
  std::uint32_t size;
  std::int64_t next;
};

class OracleGeneralReader final : public TraceReader {
 public:
  explicit OracleGeneralReader(TraceSource input)
      : TraceReader(input.skip_bad), source_(std::move(input.source)) {}

  Result<bool> Next(TraceRequest& request) override {
    while (true) {
      std::array<char, kRecordBytes> joined;
      const char* bytes = chunk_.data();
      std::size_t size = kRecordBytes;
      if (chunk_.size() >= kRecordBytes) {
        chunk_.remove_prefix(kRecordBytes);
      } else {
        const Result<std::size_t> got = Join(joined);
        if (!got) return std::unexpected(got.error());
        bytes = joined.data();
        size = *got;
      }
      if (size == 0) return false;
      ++number_;
      if (size < kRecordBytes) {
        Error error = Malformed(fmt::format("it ends after {} of 24 bytes", size));
        if (Skips(error)) return false;
        return std::unexpected(std::move(error));
      }
      const Record record(bytes);
      if (record.next < -1) {
        Error error = Malformed(fmt::format("next request {} is none", record.next));
        if (Skips(error)) continue;
        return std::unexpected(std::move(error));
      }
      const auto written = std::to_chars(key_.data(), key_.data() + key_.size(), record.object);
      request = {.key = std::string_view(key_.data(), written.ptr),
                 .size = record.size,
                 .time = static_cast<double>(record.time),
                 .line = number_,
                 .has_size = record.size > 0,
                 .has_time = true};
      return true;
    }
  }

 private:
  // A record that lies in more than one chunk, as much as there is of it.
  Result<std::size_t> Join(std::array<char, kRecordBytes>& joined) {
    std::size_t size = 0;
    while (true) {
      const std::size_t part = std::min(kRecordBytes - size, chunk_.size());
      if (part > 0) std::memcpy(joined.data() + size, chunk_.data(), part);
      size += part;
      chunk_.remove_prefix(part);
      if (size == kRecordBytes) return size;
      const Result<std::string_view> more = source_->Next();
      if (!more) return std::unexpected(more.error());
      if (more->empty()) return size;
      chunk_ = *more;
    }
  }

  Error Malformed(std::string_view reason) const {
    return {ErrorCode::kInvalidArgument,
            fmt::format("{}: record {} at byte {}: {}", source_->name(), number_,
                        (number_ - 1) * kRecordBytes, reason)};
  }

  const std::unique_ptr<ByteSource> source_;
  std::string_view chunk_;  // of the source, not yet returned
  std::uint64_t number_ = 0;
  std::array<char, 20> key_;
};

// The next requests must all lie ahead, none farther than any trace is long: bytes that no text
// has.
bool RecognizeOracleGeneral(const TraceSample& sample) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 48;
  const std::size_t records = sample.bytes.size() / kRecordBytes;
  if (sample.bytes.find('\0') == std::string_view::npos) return false;
  for (std::size_t i = 0; i < records; ++i) {
    const Record record(sample.bytes.data() + i * kRecordBytes);
    const auto number = static_cast<std::int64_t>(i) + 1;
    const bool none = record.next == -1 || record.next == std::numeric_limits<std::int64_t>::max();
    if (!none && (record.next <= number || record.next > kLongest)) return false;
  }
  return records > 0;
}

Result<std::unique_ptr<TraceReader>> OpenOracleGeneral(TraceSource input) {
  return std::make_unique<OracleGeneralReader>(std::move(input));
}

}  // namespace

constinit const TraceFormat kOracleGeneralTrace = {
    .name = "oracle-general",
    .help = "libCacheSim's oracleGeneral, binary: 24 bytes a request",
    .parameters = "",
    .recognize = RecognizeOracleGeneral,
    .open = OpenOracleGeneral};

}  // namespace kvcache
