// `cachelib`: the key-value traces that Meta published with CacheLib: csv with the columns key, op,
// op_count and mostly size, key_size and op_time. A line stands for op_count requests, 2^24 at
// most.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/printable.h"
#include "simulate/csv_table.h"
#include "simulate/line_trace_reader.h"
#include "simulate/operations.h"

namespace kvcache {
namespace {

class CacheLibParser final : public LineParser {
 public:
  Line Parse(std::string_view line, TraceRequest& request) override {
    repeats_ = 0;
    if (!table_.has_header()) return ParseHeader(line);
    if (table_.IsHeader(line)) return Line::kNoRequest;
    std::string reason;
    if (!table_.Split(line, reason)) return Malformed(std::move(reason));
    request = {.key = table_[key_]};
    if (request.key.empty()) return Malformed("no key");
    std::uint64_t count = 0;
    if (!ParseNumber(table_[count_], count) || count == 0 || count > kMostRequestsOfLine) {
      return Malformed(fmt::format("op_count \"{}\" is not a number from 1 to {}",
                                   Excerpt(table_[count_]), kMostRequestsOfLine));
    }
    for (const auto& column : {size_, key_size_}) {
      std::uint64_t bytes = 0;
      if (!column || table_[*column].empty()) continue;
      if (!ParseNumber(table_[*column], bytes)) {
        return Malformed(
            fmt::format("size \"{}\" is not a number of bytes", Excerpt(table_[*column])));
      }
      if (bytes > std::numeric_limits<std::uint64_t>::max() - request.size) {
        return Malformed("key size and size together are beyond 2^64");
      }
      request.size += bytes;
      if (column == key_size_) request.key_size = bytes;
    }
    if (!IsGet(table_[operation_])) return Line::kOtherOperation;
    request.has_size = request.size > 0;
    if (time_) request.has_time = ParseNumber(table_[*time_], request.time);
    repeats_ = count - 1;
    if (repeats_ > 0) repeated_ = request;
    return Line::kRequest;
  }

  void Repeat(TraceRequest& request) override {
    --repeats_;
    request = repeated_;
  }

 private:
  Line ParseHeader(std::string_view line) {
    table_.SetHeader(line);
    const auto key = table_.Find("key");
    const auto operation = table_.Find("op");
    const auto count = table_.Find("op_count");
    if (!key || !operation || !count) {
      return Unreadable(fmt::format("no header with key, op and op_count; the first line has {}",
                                    table_.Names()));
    }
    key_ = *key;
    operation_ = *operation;
    count_ = *count;
    size_ = table_.Find("size");
    key_size_ = table_.Find("key_size");
    time_ = table_.Find("op_time");
    return Line::kNoRequest;
  }

  CsvTable table_;
  std::size_t key_ = 0;
  std::size_t operation_ = 0;
  std::size_t count_ = 0;
  std::optional<std::size_t> size_;
  std::optional<std::size_t> key_size_;
  std::optional<std::size_t> time_;
  TraceRequest repeated_;
};

bool RecognizeCacheLib(const TraceSample& sample) {
  const auto lines = sample.Lines();
  CacheLibParser parser;
  TraceRequest request;
  return !lines.empty() && parser.Parse(lines[0], request) == LineParser::Line::kNoRequest;
}

}  // namespace

constinit const TraceFormat kCacheLibTrace = {
    .name = "cachelib",
    .help = "Meta's CacheLib key-value traces; a line counts op_count times",
    .parameters = "",
    .recognize = RecognizeCacheLib,
    .open = OpenLines<CacheLibParser>};

}  // namespace kvcache
