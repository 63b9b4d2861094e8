#include "simulate/trace_reader.h"

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "base/printable.h"
#include "simulate/byte_source.h"
#include "simulate/trace_format.h"

namespace kvcache {
namespace {

constexpr std::size_t kSampleBytes = std::size_t{8} << 10;

// A source whose first bytes have been looked at.
class SampledSource : public ByteSource {
 public:
  explicit SampledSource(std::unique_ptr<ByteSource> source)
      : ByteSource(source->name()), source_(std::move(source)) {}

  Result<std::string_view> Next() override {
    if (!start_.empty()) {
      given_ = std::exchange(start_, {});
      return given_;
    }
    if (failure_) return std::unexpected(*failure_);
    return source_->Next();
  }

  // To be called before Next, which tells of what fails here.
  TraceSample Sample() {
    while (start_.size() < kSampleBytes) {
      const Result<std::string_view> more = source_->Next();
      if (!more) failure_ = more.error();
      if (!more) break;
      if (more->empty()) return {.bytes = start_, .whole = true};
      start_ += *more;
    }
    return {.bytes = std::string_view(start_).substr(0, kSampleBytes), .whole = false};
  }

 private:
  const std::unique_ptr<ByteSource> source_;
  std::string start_;
  std::string given_;
  std::optional<Error> failure_;
};

Result<const TraceFormat*> FindFormat(std::string_view name) {
  for (const TraceFormat& format : TraceFormats()) {
    if (format.name == name) return &format;
  }
  return Fail(ErrorCode::kInvalidArgument, fmt::format("no such trace format: {}; there are {}",
                                                       Excerpt(name), TraceFormatNames()));
}

const TraceFormat& Recognize(const TraceSample& sample) {
  for (const TraceFormat& format : TraceFormats()) {
    if (format.recognize(sample)) return format;
  }
  return kTextTrace;
}

}  // namespace

Result<std::unique_ptr<TraceReader>> TraceReader::Open(const std::string& path,
                                                       const TraceOptions& options) {
  const std::size_t colon = options.format.find(':');
  const TraceFormat* format = nullptr;
  if (!options.format.empty()) {
    const auto found = FindFormat(std::string_view(options.format).substr(0, colon));
    if (!found) return std::unexpected(found.error());
    format = *found;
  }
  TraceSource input = {
      .source = nullptr, .skip_bad = options.skip_bad, .hex_keys = options.hex_keys};
  if (colon != std::string::npos) {
    if (format->parameters.empty()) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("trace format {} has no parameters; write just {}", format->name,
                              format->name));
    }
    input.parameters = options.format.substr(colon + 1);
  }

  auto source = ByteSource::Open(path, options.name, options.interrupt);
  if (!source) return std::unexpected(source.error());
  if (format == nullptr) {
    auto sampled = std::make_unique<SampledSource>(std::move(*source));
    format = &Recognize(sampled->Sample());
    input.source = std::move(sampled);
  } else {
    input.source = std::move(*source);
  }
  auto reader = format->open(std::move(input));
  if (reader) (*reader)->format_ = format->name;
  return reader;
}

bool TraceReader::Skips(const Error& error) {
  // Other errors are the file's, which cannot be read on.
  if (!skip_bad_ || error.code != ErrorCode::kInvalidArgument) return false;
  if (bad_lines_++ == 0) first_bad_line_ = error.message;
  return true;
}

}  // namespace kvcache
