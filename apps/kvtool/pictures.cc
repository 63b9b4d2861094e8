#include "pictures.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "kvcache/size.h"
#include "output_file.h"
#include "plot.h"
#include "progress.h"
#include "report.h"
#include "simulation_flags.h"
#include "trace_input.h"

namespace kvcache::kvtool {
namespace {

Plot MakePlot(const RatioCurves& trace, SizeUnit unit, std::string_view what,
              double RatioPoint::* ratio) {
  Plot plot{.title = Summary(trace),
            .x_label = fmt::format("cache size ({}, log scale)", UnitName(unit)),
            .y_label = fmt::format("miss ratio (share of the {})", what),
            .log_x = true,
            .x_is_bytes = unit == SizeUnit::kBytes,
            .series = {}};
  for (const RatioCurve& curve : trace.curves) {
    PlotSeries series{.name = curve.policy, .points = {}, .reference = !curve.spec};
    for (const RatioPoint& point : curve.points) {
      series.points.push_back({static_cast<double>(point.size), point.*ratio});
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace

std::string Summary(const RatioCurves& trace) {
  // Without its directories it fits over a plot.
  const std::string name = std::filesystem::path(trace.trace).filename();
  return fmt::format("{}: {} requests for {} keys{}", NameOfInput(name),
                     GroupDigits(trace.requests), GroupDigits(trace.keys),
                     trace.has_sizes ? " of " + FormatSize(trace.bytes) : "");
}

void AddPictureFlags(CLI::App& command, PictureFlags& flags) {
  command
      .add_option("--plot", flags.plot,
                  "Draw miss ratio over size, by gnuplot, into\nFILE.svg or FILE.png")
      ->type_name("FILE");
  command
      .add_option("--report", flags.report,
                  "Write a page with curves and tables for\na browser, FILE.html")
      ->type_name("FILE");
  command.add_flag("--force", flags.force, "Replace these files if they exist");
}

Outcome<void> CheckPictures(const PictureFlags& flags) {
  if (!flags.plot.empty()) {
    if (auto able = CheckPlotting(flags.plot, flags.force); !able) return able;
  }
  if (!flags.report.empty()) {
    if (auto able = CheckReport(flags.report); !able) return able;
    if (auto able = OutputFile::Check(flags.report, flags.force); !able) return able;
  }
  return {};
}

Outcome<void> WritePictures(const PictureFlags& flags, const Session& session,
                            const std::vector<RatioCurves>& traces, SizeUnit unit) {
  if (!flags.plot.empty()) {
    std::vector<Plot> plots;
    for (const RatioCurves& trace : traces) {
      plots.push_back(MakePlot(trace, unit, "requests", &RatioPoint::miss_ratio));
      if (trace.has_sizes) {
        plots.push_back(MakePlot(trace, unit, "bytes", &RatioPoint::byte_miss_ratio));
      }
    }
    if (auto drawn = DrawPlots(plots, flags.plot, flags.force); !drawn) return drawn;
  }
  if (!flags.report.empty()) {
    return WriteReport(traces, unit, session.arguments(), flags.report, flags.force);
  }
  return {};
}

}  // namespace kvcache::kvtool
