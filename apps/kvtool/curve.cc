#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/stopwatch.h"
#include "commands.h"
#include "flags.h"
#include "kvcache/size.h"
#include "pictures.h"
#include "progress.h"
#include "sampling.h"
#include "simulate/miss_ratio_curve.h"
#include "simulation_flags.h"
#include "trace_flags.h"
#include "trace_input.h"

namespace kvcache::kvtool {
namespace {

struct CurveArguments {
  std::string trace;
  std::string policies = "lru";
  std::string from = "0.1%";
  std::string to = "100%";
  std::size_t points = 32;
  SamplingFlags sampling;
  bool exact = false;
  std::string unit;
  TraceOptions options;
  PictureFlags pictures;
  unsigned threads = 1;
};

struct Curves {
  std::vector<PolicyChoice> policies;
  SizeUnit unit = SizeUnit::kObjects;
  std::vector<std::uint64_t> sizes;
  SampledTrace sample;
  EstimatedCurves estimated;
  double sampled_seconds = 0;         // without reading the sample
  std::vector<MissRatioCurve> exact;  // empty if not asked for
  double exact_seconds = 0;           // reading included
};

double Seconds(const Stopwatch& watch) { return static_cast<double>(watch.nanoseconds()) / 1e9; }

std::vector<std::optional<PolicySpec>> SpecsOf(const std::vector<PolicyChoice>& policies) {
  std::vector<std::optional<PolicySpec>> specs;
  for (const PolicyChoice& policy : policies) specs.push_back(policy.spec);
  return specs;
}

// From the first to the second of `ends`.
Outcome<std::vector<std::uint64_t>> ChooseSizes(const CurveArguments& arguments,
                                                const std::vector<CacheSize>& ends,
                                                const Curves& curves) {
  const SampledTrace& sample = curves.sample;
  const std::uint64_t all = curves.unit == SizeUnit::kBytes ? sample.all_bytes : sample.all_keys;
  const std::uint64_t least = ends[0].Of(all);
  const std::uint64_t most = ends[1].Of(all);
  if (least > most) {
    return WrongCall(fmt::format("--from {} is more than --to {}: {} and {} {}", arguments.from,
                                 arguments.to, least, most, UnitName(curves.unit)));
  }
  return LogarithmicSizes(least, most, arguments.points);
}

Outcome<void> ComputeExactly(const CurveArguments& arguments, const TraceInput& input,
                             Curves& curves) {
  Progress progress("simulate", "requests");
  progress.set_total(curves.sample.all_requests);
  const Stopwatch watch;
  auto exact = ExactCurves(input.path(),
                           {.sizes = curves.unit,
                            .trace = input.options(),
                            .requests = curves.sample.all_requests,
                            .threads = arguments.threads,
                            .progress = Reporter(progress)},
                           SpecsOf(curves.policies), curves.sizes);
  if (!exact) return std::unexpected(BadTrace(exact.error()));
  curves.exact = std::move(*exact);
  curves.exact_seconds = Seconds(watch);
  return {};
}

Outcome<Curves> Compute(const CurveArguments& arguments) {
  Curves curves;
  auto policies = ParsePolicies(arguments.policies, Clairvoyants::kOpt);
  if (!policies) return std::unexpected(policies.error());
  curves.policies = std::move(*policies);
  const auto ends = ParseCacheSizes(arguments.from + "," + arguments.to);
  if (!ends) return std::unexpected(ends.error());
  if (ends->size() != 2) return WrongCall("--from and --to take one size each");
  const auto unit = ChooseUnit(arguments.unit, *ends);
  if (!unit) return std::unexpected(unit.error());
  curves.unit = *unit;
  const auto input = TraceInput::Open(arguments.trace, arguments.options);
  if (!input) return std::unexpected(input.error());
  auto sample = ReadSample(*input, curves.unit, arguments.sampling);
  if (!sample) return std::unexpected(sample.error());
  curves.sample = std::move(*sample);
  auto sizes = ChooseSizes(arguments, *ends, curves);
  if (!sizes) return std::unexpected(sizes.error());
  curves.sizes = std::move(*sizes);
  const Stopwatch watch;
  auto estimated = Estimate(*input, curves.sample, curves.unit, arguments.threads,
                            SpecsOf(curves.policies), curves.sizes, arguments.sampling);
  if (!estimated) return std::unexpected(estimated.error());
  curves.sampled_seconds = Seconds(watch);
  curves.estimated = std::move(*estimated);
  if (arguments.exact) {
    if (auto computed = ComputeExactly(arguments, *input, curves); !computed) {
      return std::unexpected(computed.error());
    }
  }
  return curves;
}

void PrintText(Output& out, const CurveArguments& arguments, const Curves& curves) {
  const SampledTrace& sample = curves.sample;
  const bool all = sample.rate == 1;
  out.Line(fmt::format("{}: {} requests for {}{} keys, {} of them simulated", arguments.trace,
                       GroupDigits(sample.all_requests), all ? "" : "about ",
                       GroupDigits(sample.all_keys), all ? "all" : GroupDigits(sample.keys)));
  out.Line("");
  std::vector<std::size_t> widths;
  std::string head = fmt::format("{:>12}", UnitName(curves.unit));
  for (const PolicyChoice& policy : curves.policies) {
    widths.push_back(std::max<std::size_t>(policy.name.size(), 6) + 2);
    head += fmt::format("{:>{}}", policy.name, widths.back());
    if (arguments.exact) head += fmt::format("{:>8}", "exact");
  }
  out.Line(head);
  for (std::size_t i = 0; i < curves.sizes.size(); ++i) {
    std::string line = fmt::format("{:>12}", SizeText(curves.sizes[i], curves.unit));
    for (std::size_t p = 0; p < curves.policies.size(); ++p) {
      line += fmt::format("{:>{}.4f}", curves.estimated.curves[p].miss_ratios[i], widths[p]);
      if (arguments.exact) line += fmt::format("{:>8.4f}", curves.exact[p].miss_ratios[i]);
    }
    out.Line(line);
  }
  out.Line("");
  for (std::size_t p = 0; p < curves.policies.size(); ++p) {
    std::string line = fmt::format("{}: ", curves.policies[p].name);
    line += all ? "no sampling error"
                : fmt::format("likely error {:.4f}", curves.estimated.likely_errors[p]);
    if (arguments.exact) {
      line += fmt::format(", true error {:.4f}",
                          MeanAbsoluteDifference(curves.estimated.curves[p], curves.exact[p]));
    }
    out.Line(line + " (mean over the sizes)");
  }
  if (arguments.exact) {
    out.Line(fmt::format("simulated in {:.3f} s, exactly in {:.3f} s with reading",
                         curves.sampled_seconds, curves.exact_seconds));
  }
}

std::string ToJsonText(const CurveArguments& arguments, const Curves& curves) {
  Json list = Json::array();
  for (std::size_t p = 0; p < curves.policies.size(); ++p) {
    Json points = Json::array();
    for (std::size_t i = 0; i < curves.sizes.size(); ++i) {
      Json point{{"size", curves.sizes[i]},
                 {"miss_ratio", curves.estimated.curves[p].miss_ratios[i]},
                 {"byte_miss_ratio", curves.estimated.curves[p].byte_miss_ratios[i]}};
      if (arguments.exact) point["exact_miss_ratio"] = curves.exact[p].miss_ratios[i];
      points.push_back(std::move(point));
    }
    Json curve{{"policy", curves.policies[p].name},
               {"parameters", curves.policies[p].Parameters()},
               {"likely_error", curves.estimated.likely_errors[p]},
               {"points", std::move(points)}};
    if (arguments.exact) {
      curve["true_error"] = MeanAbsoluteDifference(curves.estimated.curves[p], curves.exact[p]);
    }
    list.push_back(std::move(curve));
  }
  Json json{{"trace", arguments.trace},
            {"unit", UnitName(curves.unit)},
            {"requests", curves.sample.all_requests},
            {"keys", curves.sample.all_keys},
            {"sampled_keys", curves.sample.keys},
            {"sampling_rate", curves.sample.rate},
            {"simulated_seconds", curves.sampled_seconds},
            {"curves", std::move(list)}};
  if (arguments.exact) json["exact_seconds"] = curves.exact_seconds;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

RatioCurves ForPictures(const CurveArguments& arguments, const Curves& curves) {
  RatioCurves shown{.trace = arguments.trace,
                    .requests = curves.sample.all_requests,
                    .keys = curves.sample.all_keys,
                    .bytes = curves.sample.all_bytes,
                    .has_sizes = curves.sample.has_sizes,
                    .curves = {}};
  for (std::size_t p = 0; p < curves.policies.size(); ++p) {
    RatioCurve curve{curves.policies[p].name, curves.policies[p].spec, {}};
    for (std::size_t i = 0; i < curves.sizes.size(); ++i) {
      curve.points.push_back({curves.sizes[i], "", curves.estimated.curves[p].miss_ratios[i],
                              curves.estimated.curves[p].byte_miss_ratios[i]});
    }
    shown.curves.push_back(std::move(curve));
  }
  return shown;
}

Outcome<ExitStatus> RunCurve(Session& session, const CurveArguments& arguments) {
  if (auto possible = CheckPictures(arguments.pictures); !possible) {
    return std::unexpected(possible.error());
  }
  const auto curves = Compute(arguments);
  if (!curves) return std::unexpected(curves.error());
  TellBadLines(curves->sample.bad_lines, curves->sample.first_bad_line);
  if (auto written = WritePictures(arguments.pictures, session, {ForPictures(arguments, *curves)},
                                   curves->unit);
      !written) {
    return std::unexpected(written.error());
  }
  if (session.flags().json) {
    session.out().Line(ToJsonText(arguments, *curves));
  } else {
    PrintText(session.out(), arguments, *curves);
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddCurve(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "curve",
                 "A trace's miss ratio at every size, from a sample of its keys", RunCurve);
  AddTrace(*command, arguments->trace);
  AddPolicies(*command, arguments->policies, "Policies, separated by commas; all; opt");
  command->add_option("--from", arguments->from, "The smallest size, as simulate takes it")
      ->type_name("SIZE")
      ->capture_default_str();
  command->add_option("--to", arguments->to, "The largest size")
      ->type_name("SIZE")
      ->capture_default_str();
  command->add_option("--points", arguments->points, "Sizes between them, in equal ratios")
      ->type_name("N")
      ->check(CLI::Range(1, 1000).description(""))
      ->capture_default_str();
  AddSamplingFlags(
      *command, arguments->sampling,
      "Sizes at which the whole trace is simulated, to\ncorrect all policies but lru and opt");
  command->add_flag("--exact", arguments->exact,
                    "Simulate the whole trace too, and show the sample's true error");
  AddUnit(*command, arguments->unit);
  AddPictureFlags(*command, arguments->pictures);
  AddTraceFlags(*command, arguments->options);
  AddThreads(*command, arguments->threads);
  RefuseDatabaseFlags(*command, "--policy");
  SetExamples(
      *command,
      "A few thousand keys, chosen by their hash, stand for all: each size is simulated in small\n"
      "with the requests of those keys (SHARDS, FAST 2015; miniature simulation, ATC 2017). The\n"
      "likely error is what two halves of the sample differ by, halved. Other policies than lru\n"
      "may treat a small cache unlike a large one, so the whole trace is simulated at a few sizes\n"
      "too, the curve is corrected by that, and the likely error is what those sizes say of each\n"
      "other. At sizes that would have room for fewer than eight of the sample's larger objects\n"
      "the whole trace is simulated, for every policy; more --samples leave fewer such sizes.\n"
      "Memory: 16 bytes, and 32 while it grows, for each request of the sampled keys, which are\n"
      "all keys where there are no more than --samples; and what each simulated cache takes.\n"
      "\n" +
          TraceFormatsHelp() +
          "\n"
          "Examples:\n"
          "  kvtool curve web.txt.zst --policy lru,s3-fifo,opt\n"
          "  kvtool curve web.txt.zst --from 1000 --to 50000 --exact\n"
          "  kvtool curve sizes.txt --unit bytes --policy gdsf --plot curve.svg\n");
}

}  // namespace kvcache::kvtool
