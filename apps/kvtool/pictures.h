// Miss ratios over cache sizes as pictures: --plot and --report of the commands that simulate.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "outcome.h"
#include "session.h"
#include "simulate/requests.h"
#include "tier/policy_registry.h"

namespace kvcache::kvtool {

struct RatioPoint {
  std::uint64_t size;     // in the unit
  std::string size_text;  // as a user gave it: "1%"; may be empty
  double miss_ratio;
  double byte_miss_ratio;
};

struct RatioCurve {
  std::string policy;              // as given
  std::optional<PolicySpec> spec;  // none: opt
  std::vector<RatioPoint> points;  // by size
};

// What is shown of a trace.
struct RatioCurves {
  std::string trace;  // as given
  std::uint64_t requests = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;  // of the keys
  bool has_sizes = false;   // else bytes and ratios of bytes say nothing
  std::vector<RatioCurve> curves;
};

// The trace's file, requests, keys and bytes in a line.
std::string Summary(const RatioCurves& trace);

struct PictureFlags {
  std::string plot;
  std::string report;
  bool force = false;

  bool any() const { return !plot.empty() || !report.empty(); }
};

// --plot FILE, --report FILE and --force.
void AddPictureFlags(CLI::App& command, PictureFlags& flags);

// Whether the files can be written, as far as can be known before the work. Writes nothing.
Outcome<void> CheckPictures(const PictureFlags& flags);

// Writes the files that are asked for.
Outcome<void> WritePictures(const PictureFlags& flags, const Session& session,
                            const std::vector<RatioCurves>& traces, SizeUnit unit);

}  // namespace kvcache::kvtool
