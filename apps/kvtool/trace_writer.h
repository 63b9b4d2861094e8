// Traces as text, in the formats that are written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "outcome.h"
#include "simulate/trace_reader.h"

namespace kvcache::kvtool {

// For each request of a trace, the number of the next one with the same key, from 1; -1 for none.
using NextRequests = std::vector<std::int64_t>;

// Not thread-safe.
class TraceWriter {
 public:
  // The formats' names: text, csv, ...
  static std::vector<std::string> Formats();
  // That a file's name tells, ".gz" and ".zst" aside; text if it tells none.
  static std::string FormatOfName(std::string_view name);
  // Whether the format needs NextRequests.
  static bool NeedsNext(std::string_view format);

  // `next` must outlive the writer; only a format that needs it looks at it.
  static std::unique_ptr<TraceWriter> Create(std::string_view format, const NextRequests& next);

  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;
  virtual ~TraceWriter() = default;

  // What goes before all requests.
  virtual void Begin(std::string& /*out*/) {}
  // Appends the request. Fails if the format cannot hold it, with the reason and how to mend it.
  virtual Outcome<void> Add(const TraceRequest& request, std::string& out) = 0;
  // What is left.
  virtual void Finish(std::string& /*out*/) {}

 protected:
  TraceWriter() = default;
};

}  // namespace kvcache::kvtool
