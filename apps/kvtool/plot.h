// Plots: lines over an axis of sizes, drawn by gnuplot.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "outcome.h"

namespace kvcache::kvtool {

struct PlotPoint {
  double x;
  double y;
};

struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> points;  // by x
  bool reference = false;         // a black line that the others are held against
};

// Names and labels are texts of any bytes; what gnuplot or a terminal might obey is made harmless.
struct Plot {
  std::string title;
  std::string x_label;  // with its unit
  std::string y_label;
  bool log_x = false;
  bool x_is_bytes = false;  // marked 1 MiB, 2 MiB instead of 1,000,000, 2,000,000
  std::vector<PlotSeries> series;
};

struct BarSeries {
  std::string name;
  std::vector<double> heights;  // one a group
};

// Bars side by side in groups.
struct BarChart {
  std::string title;
  std::string y_label;  // with its unit
  double baseline = 0;  // a line to compare the bars with
  std::vector<std::string> groups;
  std::vector<BarSeries> series;
};

// Whether plots can be drawn into `path`: its suffix is .svg or .png, there is a gnuplot, and the
// file can be made. To be asked before the work whose results are to be drawn.
Outcome<void> CheckPlotting(const std::string& path, bool force);

// Draws the chart, 900 by 600; the file as with DrawPlots.
Outcome<void> DrawBars(const BarChart& chart, const std::string& path, bool force);

// Draws the plots one below the other, each 900 by 600, into one picture. The file appears when it
// is complete; an existing one is replaced only if `force`. y begins at 0.
Outcome<void> DrawPlots(std::span<const Plot> plots, const std::string& path, bool force);

}  // namespace kvcache::kvtool
