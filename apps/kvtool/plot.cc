#include "plot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "bytes.h"
#include "child_process.h"
#include "kvcache/size.h"
#include "output_file.h"
#include "progress.h"

namespace kvcache::kvtool {
namespace {

constexpr int kWidth = 900;
constexpr int kHeight = 600;

// The palette by Okabe and Ito, which people see apart whatever their colour vision. Its black is
// for the reference line; grey stands in for its yellow, which is hardly seen on white.
constexpr std::array<std::string_view, 7> kColours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                      "#E69F00", "#56B4E9", "#7F7F7F"};
// Of gnuplot's point types, one a colour: filled with a solid line, then open with a dashed one.
// So 14 series differ by more than their colour from all that might be taken for them.
constexpr std::array<int, 7> kFilledPoints = {7, 5, 9, 11, 13, 15, 2};
constexpr std::array<int, 7> kOpenPoints = {6, 4, 8, 10, 12, 14, 1};
constexpr std::array<std::string_view, 3> kDashes = {"1", "(9,5)", "(2,4)"};

// Within single quotes gnuplot replaces nothing, neither backslashes nor backquotes.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : Printable(text)) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  return quoted + "'";
}

// In a block of data: without what would end it.
std::string InDoubleQuotes(std::string_view text) {
  std::string plain = Printable(text);
  std::ranges::replace(plain, '"', '\'');
  std::ranges::replace(plain, '\\', '/');
  return plain;
}

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
};

Range RangeOfX(const Plot& plot) {
  Range range;
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      range.least = std::min(range.least, point.x);
      range.most = std::max(range.most, point.x);
    }
  }
  return range;
}

// Round numbers within the range, as many as have room for their labels: powers of ten, or those
// and two or five times them; of bytes, powers of two.
std::vector<double> Marks(Range range, bool bytes) {
  constexpr std::size_t kMost = 8;
  std::vector<double> best;
  const auto consider = [&](std::span<const double> factors, double base) {
    std::vector<double> marks;
    for (double power = 1; power <= range.most; power *= base) {
      for (const double factor : factors) {
        const double mark = power * factor;
        if (mark >= range.least && mark <= range.most) marks.push_back(mark);
      }
    }
    if (marks.size() > best.size() && marks.size() <= kMost) best = std::move(marks);
  };
  if (bytes) {
    for (const double base : {2, 4, 16, 64, 1024}) consider(std::array{1.0}, base);
  } else {
    consider(std::array{1.0}, 10);
    consider(std::array{1.0, 3.0}, 10);
    consider(std::array{1.0, 2.0, 5.0}, 10);
  }
  if (best.size() < 2) return {range.least, range.most};
  return best;
}

// "64 MiB", where FormatSize has "64.0 MiB".
std::string ShortSize(std::uint64_t bytes) {
  std::string text = FormatSize(bytes);
  if (const auto at = text.find(".0 "); at != std::string::npos) text.erase(at, 2);
  return text;
}

std::string AxisOfX(const Plot& plot) {
  if (!plot.log_x) return "unset logscale x\nset xtics nomirror autofreq\nset autoscale x\n";
  const Range range = RangeOfX(plot);
  std::vector<std::string> marks;
  for (const double mark : Marks(range, plot.x_is_bytes)) {
    const auto whole = static_cast<std::uint64_t>(mark);
    marks.push_back(fmt::format(
        "{} {}", Quoted(plot.x_is_bytes ? ShortSize(whole) : GroupDigits(whole)), mark));
  }
  const double room = range.least < range.most ? std::pow(range.most / range.least, 0.02) : 2;
  return fmt::format("set logscale x\nset xtics nomirror ({})\nset xrange [{}:{}]\n",
                     fmt::join(marks, ", "), range.least / room, range.most * room);
}

// `before`: series that are references as this one is, or are not.
std::string Style(const PlotSeries& series, std::size_t before) {
  // A curve of many points shows about a dozen of them.
  const std::size_t interval = std::max<std::size_t>(1, series.points.size() / 12);
  if (series.reference) {
    return fmt::format("lt 1 lw 2.5 lc rgb '#000000' dt {} pt 7 ps 0.4 pi {}",
                       kDashes[before % kDashes.size()], interval);
  }
  const std::size_t colour = before % kColours.size();
  const std::size_t round = before / kColours.size();
  return fmt::format("lt 1 lw 1.7 lc rgb '{}' dt {} pt {} ps 1.1 pi {}", kColours[colour],
                     kDashes[round % kDashes.size()],
                     round % 2 == 0 ? kFilledPoints[colour] : kOpenPoints[colour], interval);
}

// In one column: a second one would take its room from the curves.
std::string Key(const Plot& plot) {
  constexpr double kRoomy = 15;
  const double names = std::max(kRoomy, static_cast<double>(plot.series.size()));
  return fmt::format(
      "set key outside right top vertical maxcols 1 reverse Left noenhanced samplen 3 "
      "spacing {:.2f}\n",
      1.3 * kRoomy / names);
}

std::string Script(const Plot& plot) {
  std::string script =
      fmt::format("set title {}\nset xlabel {}\nset ylabel {}\n{}{}", Quoted(plot.title),
                  Quoted(plot.x_label), Quoted(plot.y_label), Key(plot), AxisOfX(plot));
  std::vector<std::string> lines;
  std::array<std::size_t, 2> before{};  // ordinary ones, references
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const PlotSeries& series = plot.series[i];
    script += fmt::format("$s{} << EOD\n", i);
    for (const PlotPoint& point : series.points) script += fmt::format("{} {}\n", point.x, point.y);
    script += "EOD\n";
    lines.push_back(fmt::format("$s{} using 1:2 with linespoints {} title {}", i,
                                Style(series, before[series.reference ? 1 : 0]++),
                                Quoted(series.name)));
  }
  return script + fmt::format("plot {}\n", fmt::join(lines, ", \\\n  "));
}

std::string Settings(std::size_t pictures, bool svg) {
  return fmt::format(
      "set terminal {} noenhanced size {},{} font 'sans-serif,{}' background rgb '#ffffff'\n"
      "set grid lt 1 lw 0.7 lc rgb '#dddddd'\n"
      "set border 3 lc rgb '#555555'\n"
      "set tics nomirror out scale 0.6 textcolor rgb '#000000'\n"
      "set yrange [0:*]\n"
      "set ytics nomirror\n",
      svg ? "svg" : "pngcairo", kWidth, kHeight * pictures, svg ? 15 : 12);
}

std::string Script(const BarChart& chart, bool svg) {
  std::string script = Settings(1, svg);
  script += fmt::format(
      "set title {}\nset ylabel {}\nset key top right horizontal noenhanced\nset grid noxtics\n"
      "set style data histograms\nset style histogram clustered gap 1\n"
      "set style fill solid border lc rgb '#ffffff'\nset xtics nomirror rotate by -35 noenhanced\n"
      "set offsets 0, 0, graph 0.12, 0\nset rmargin 6\n"
      "set arrow from graph 0, first {} to graph 1, first {} nohead lw 1.5 lc rgb '#000000' "
      "front\n",
      Quoted(chart.title), Quoted(chart.y_label), chart.baseline, chart.baseline);
  std::vector<std::string> bars;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    script += fmt::format("$s{} << EOD\n", i);
    for (std::size_t k = 0; k < chart.groups.size(); ++k) {
      script +=
          fmt::format("\"{}\" {}\n", InDoubleQuotes(chart.groups[k]), chart.series[i].heights[k]);
    }
    script += "EOD\n";
    bars.push_back(fmt::format("$s{} using 2:xtic(1) lc rgb '{}' title {}", i,
                               kColours[i % kColours.size()], Quoted(chart.series[i].name)));
  }
  return script + fmt::format("plot {}\n", fmt::join(bars, ", \\\n  "));
}

std::string Script(std::span<const Plot> plots, bool svg) {
  std::string script = Settings(plots.size(), svg);
  if (plots.size() > 1) script += fmt::format("set multiplot layout {},1\n", plots.size());
  for (const Plot& plot : plots) script += Script(plot);
  if (plots.size() > 1) script += "unset multiplot\n";
  return script;
}

// Without the user's own settings for gnuplot.
Outcome<ChildOutput> RunGnuplot(std::string_view script) {
  auto run = RunChild({"gnuplot", "--default-settings"}, script);
  if (!run) {
    return Failed(run.error().message + "; plots need it: install Debian's package gnuplot-nox");
  }
  return run;
}

Outcome<void> Draw(std::string_view script, const std::string& path, bool force) {
  const auto run = RunGnuplot(script);
  if (!run) return std::unexpected(run.error());
  if (run->status != 0 || run->out.empty()) {
    return Failed(fmt::format("cannot draw {}: gnuplot said: {}", Printable(path),
                              Printable(run->errors.substr(0, 500))));
  }
  auto file = OutputFile::Create(path, force);
  if (!file) return std::unexpected(file.error());
  if (auto written = (*file)->Write(run->out); !written) return written;
  return (*file)->Commit();
}

Outcome<bool> IsSvg(const std::string& path) {
  if (path.ends_with(".svg")) return true;
  if (path.ends_with(".png")) return false;
  return WrongCall(fmt::format("{} ends neither in .svg nor in .png, which tells what to draw",
                               Printable(path)));
}

}  // namespace

Outcome<void> CheckPlotting(const std::string& path, bool force) {
  if (const auto svg = IsSvg(path); !svg) return std::unexpected(svg.error());
  if (const auto run = RunGnuplot(""); !run) return std::unexpected(run.error());
  return OutputFile::Check(path, force);
}

Outcome<void> DrawBars(const BarChart& chart, const std::string& path, bool force) {
  const auto svg = IsSvg(path);
  return svg ? Draw(Script(chart, *svg), path, force) : std::unexpected(svg.error());
}

Outcome<void> DrawPlots(std::span<const Plot> plots, const std::string& path, bool force) {
  const auto svg = IsSvg(path);
  return svg ? Draw(Script(plots, *svg), path, force) : std::unexpected(svg.error());
}

}  // namespace kvcache::kvtool
