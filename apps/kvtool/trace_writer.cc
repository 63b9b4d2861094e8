#include "trace_writer.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <system_error>

#include "base/hash.h"
#include "bytes.h"
#include "simulate/trace_format.h"

namespace kvcache::kvtool {
namespace {

std::unexpected<Failure> CannotHold(const TraceRequest& request, std::string_view why) {
  return Failed(fmt::format("line {} of the trace, key {}: {}", request.line,
                            Printable(std::string(request.key.substr(0, 100))), why));
}

// The number that the key is the usual spelling of.
std::optional<std::uint64_t> NumberOf(std::string_view key) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(key.data(), key.data() + key.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != key.data() + key.size()) return std::nullopt;
  if (key.size() > 1 && key.front() == '0') return std::nullopt;
  return number;
}

class TextWriter : public TraceWriter {
 public:
  Outcome<void> Add(const TraceRequest& request, std::string& out) override {
    // A line's end may be "\r\n", so that a key cannot end in "\r".
    if (request.key.contains(',') || (!request.has_size && request.key.ends_with('\r'))) {
      return CannotHold(request, "text cannot hold a key with a comma; convert with --to csv");
    }
    out += request.key;
    if (request.has_size) fmt::format_to(std::back_inserter(out), ",{}", request.size);
    out += '\n';
    return {};
  }
};

class CsvWriter : public TraceWriter {
 public:
  void Begin(std::string& out) override { out += "key,size,time\n"; }

  Outcome<void> Add(const TraceRequest& request, std::string& out) override {
    if (request.key.find_first_of(",\"") == std::string_view::npos) {
      out += request.key;
    } else {
      out += '"';
      for (const char c : request.key) out.append(c == '"' ? 2 : 1, c);
      out += '"';
    }
    out += ',';
    if (request.has_size) fmt::format_to(std::back_inserter(out), "{}", request.size);
    out += ',';
    if (request.has_time) fmt::format_to(std::back_inserter(out), "{}", request.time);
    out += '\n';
    return {};
  }
};

class OracleGeneralWriter : public TraceWriter {
 public:
  explicit OracleGeneralWriter(const NextRequests& next) : next_(next) {}

  Outcome<void> Add(const TraceRequest& request, std::string& out) override {
    if (number_ == next_.size()) return Failed("the trace has changed while it was read");
    // Others leave requests of size 0 out, so one that is not known is 1.
    const std::uint64_t size = request.has_size ? request.size : 1;
    if (size > kMost) {
      return CannotHold(request, fmt::format("oracle-general cannot hold a size of {} bytes; 4 GiB "
                                             "less 1 is the most",
                                             size));
    }
    const double time = request.has_time ? request.time : 0;
    if (time < 0 || time > kMost) {
      return CannotHold(request,
                        fmt::format("oracle-general cannot hold time {}, only 0 to 2^32-1; "
                                    "leave times out with --format csv:time=",
                                    time));
    }
    Append(static_cast<std::uint32_t>(time), out);
    Append(NumberOf(request.key).value_or(HashKey(request.key, 0)), out);
    Append(static_cast<std::uint32_t>(size), out);
    Append(next_[number_++], out);
    return {};
  }

 private:
  static constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

  template <class Number>
  static void Append(Number number, std::string& out) {
    std::array<char, sizeof number> bytes;
    std::memcpy(bytes.data(), &number, sizeof number);
    out.append(bytes.data(), bytes.size());
  }

  const NextRequests& next_;
  std::size_t number_ = 0;
};

class LisWriter : public TraceWriter {
 public:
  Outcome<void> Add(const TraceRequest& request, std::string& out) override {
    const auto block = NumberOf(request.key);
    if (!block) return CannotHold(request, "lis holds only numbers of blocks; choose another --to");
    const bool has_room = blocks_ > 0 && blocks_ < kMostRequestsOfLine;
    if (has_room && *block != 0 && *block - 1 == last_) {
      ++blocks_;
    } else {
      Finish(out);
      first_ = *block;
      blocks_ = 1;
    }
    last_ = *block;
    return {};
  }

  void Finish(std::string& out) override {
    if (blocks_ == 0) return;
    fmt::format_to(std::back_inserter(out), "{} {} 0 {}\n", first_, blocks_, line_++);
  }

 private:
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t blocks_ = 0;  // from the first to the last, not written yet
  std::uint64_t line_ = 0;
};

constexpr std::string_view kText = "text";
constexpr std::string_view kCsv = "csv";
constexpr std::string_view kOracleGeneral = "oracle-general";
constexpr std::string_view kLis = "lis";

}  // namespace

std::vector<std::string> TraceWriter::Formats() {
  return {std::string(kText), std::string(kCsv), std::string(kOracleGeneral), std::string(kLis)};
}

std::string TraceWriter::FormatOfName(std::string_view name) {
  for (const std::string_view compressed : {".gz", ".zst"}) {
    if (name.ends_with(compressed)) name.remove_suffix(compressed.size());
  }
  if (name.ends_with(".csv")) return std::string(kCsv);
  if (name.ends_with(".lis")) return std::string(kLis);
  const bool oracle = name.ends_with(".oracleGeneral") || name.ends_with(".oracleGeneral.bin");
  return std::string(oracle ? kOracleGeneral : kText);
}

bool TraceWriter::NeedsNext(std::string_view format) { return format == kOracleGeneral; }

std::unique_ptr<TraceWriter> TraceWriter::Create(std::string_view format,
                                                 const NextRequests& next) {
  if (format == kCsv) return std::make_unique<CsvWriter>();
  if (format == kOracleGeneral) return std::make_unique<OracleGeneralWriter>(next);
  if (format == kLis) return std::make_unique<LisWriter>();
  return std::make_unique<TextWriter>();
}

}  // namespace kvcache::kvtool
