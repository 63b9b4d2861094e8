// `csv`: a header and a request a line, in columns that are known by their usual names or told.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "base/printable.h"
#include "simulate/csv_table.h"
#include "simulate/line_trace_reader.h"
#include "simulate/operations.h"

namespace kvcache {
namespace {

constexpr std::string_view kParameters = "key=COLUMN,size=COLUMN,time=COLUMN,op=COLUMN";

constexpr std::array<std::string_view, 12> kKeyNames = {"key",   "cache_key", "obj_id", "object_id",
                                                        "objid", "id",        "lbn",    "lba",
                                                        "block", "page",      "url",    "uri"};
constexpr std::array<std::string_view, 7> kSizeNames = {
    "size", "obj_size", "object_size", "objsize", "bytes", "length", "len"};
constexpr std::array<std::string_view, 6> kTimeNames = {"time",    "timestamp",  "ts",
                                                        "op_time", "clock_time", "real_time"};
constexpr std::array<std::string_view, 5> kOperationNames = {"op", "operation", "method", "opcode",
                                                             "command"};

// What a column is for.
struct Role {
  std::string_view name;
  std::span<const std::string_view> usual;
  std::optional<std::string> asked = {};  // the caller's name for it; empty for 'there is none'
};

struct Roles {
  Role key = {.name = "key", .usual = kKeyNames};
  Role size = {.name = "size", .usual = kSizeNames};
  Role time = {.name = "time", .usual = kTimeNames};
  Role operation = {.name = "op", .usual = kOperationNames};
};

Result<Roles> ParseRoles(std::string_view parameters) {
  Roles roles;
  const std::array all = {&roles.key, &roles.size, &roles.time, &roles.operation};
  while (!parameters.empty()) {
    const std::string_view part = parameters.substr(0, parameters.find(','));
    parameters.remove_prefix(std::min(part.size() + 1, parameters.size()));
    const std::string_view name = part.substr(0, part.find('='));
    const auto role = std::ranges::find(all, name, &Role::name);
    if (role == all.end() || name.size() == part.size()) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("trace format csv: \"{}\" names no column; write csv:{}, or some of "
                              "these",
                              Excerpt(part), kParameters));
    }
    (*role)->asked = part.substr(name.size() + 1);
  }
  return roles;
}

class CsvParser final : public LineParser {
 public:
  explicit CsvParser(Roles roles) : roles_(std::move(roles)) {}

  Line Parse(std::string_view line, TraceRequest& request) override {
    if (!table_.has_header()) return ParseHeader(line);
    if (table_.IsHeader(line)) return Line::kNoRequest;
    std::string reason;
    if (!table_.Split(line, reason)) return Malformed(std::move(reason));
    if (operation_ && IsWrite(table_[*operation_])) return Line::kOtherOperation;
    request = {.key = table_[key_]};
    if (request.key.empty()) return Malformed("no key");
    if (size_) {
      const std::string_view size = table_[*size_];
      if (!size.empty() && !ParseNumber(size, request.size)) {
        return Malformed(fmt::format("size \"{}\" is not a number of bytes", Excerpt(size)));
      }
      request.has_size = request.size > 0;
    }
    // Dates are no numbers, and nothing here needs them.
    if (time_) request.has_time = ParseNumber(table_[*time_], request.time);
    return Line::kRequest;
  }

  // Once the header has been parsed.
  bool knows_more_than_key() const { return size_ || time_ || operation_; }
  char separator() const { return table_.separator(); }

 private:
  Line ParseHeader(std::string_view line) {
    if (line.empty()) return Unreadable("no header; the first line of a csv names its columns");
    table_.SetHeader(line);
    std::optional<std::size_t> key;
    for (const auto& [role, column] :
         {std::pair(&roles_.key, &key), std::pair(&roles_.size, &size_),
          std::pair(&roles_.time, &time_), std::pair(&roles_.operation, &operation_)}) {
      if (!role->asked) {
        *column = table_.FindUsual(role->usual);
      } else if (!role->asked->empty()) {
        *column = table_.Find(*role->asked);
        if (!*column) {
          return Unreadable(fmt::format("no column \"{}\" for {}; there are {}",
                                        Excerpt(*role->asked), role->name, table_.Names()));
        }
      }
    }
    if (!key) {
      return Unreadable(
          fmt::format("none of the columns {} is known to be the key; name it: "
                      "csv:key=COLUMN",
                      table_.Names()));
    }
    key_ = *key;
    return Line::kNoRequest;
  }

  Roles roles_;
  CsvTable table_;
  std::size_t key_ = 0;
  std::optional<std::size_t> size_;
  std::optional<std::size_t> time_;
  std::optional<std::size_t> operation_;
};

// By its header: a line with a comma and without a size after it is no text.
bool RecognizeCsv(const TraceSample& sample) {
  const auto lines = sample.Lines();
  CsvParser parser({});
  TraceRequest request;
  return !lines.empty() && parser.Parse(lines[0], request) == LineParser::Line::kNoRequest &&
         parser.knows_more_than_key() && lines[0].contains(',');
}

Result<std::unique_ptr<TraceReader>> OpenCsv(TraceSource input) {
  auto roles = ParseRoles(input.parameters);
  if (!roles) return std::unexpected(roles.error());
  return std::make_unique<LineTraceReader<CsvParser>>(std::move(input), std::move(*roles));
}

}  // namespace

constinit const TraceFormat kCsvTrace = {
    .name = "csv",
    .help =
        "a header, then columns: key, size, time and op by their usual names,\nor as told: "
        "csv:key=url,size=length; op= is for no such column",
    .parameters = kParameters,
    .recognize = RecognizeCsv,
    .open = OpenCsv};

}  // namespace kvcache
