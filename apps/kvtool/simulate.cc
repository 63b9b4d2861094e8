#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "commands.h"
#include "flags.h"
#include "pictures.h"
#include "progress.h"
#include "simulate/simulation.h"
#include "simulate_output.h"
#include "simulation_flags.h"
#include "trace_flags.h"
#include "trace_input.h"

namespace kvcache::kvtool {
namespace {

struct SimulateArguments {
  std::vector<std::string> traces;
  std::string policies = "all";
  std::string sizes = "0.1%,1%,10%";
  std::string unit;
  std::size_t shards = 0;
  TraceOptions trace;
  PictureFlags pictures;
  unsigned threads = 1;
};

struct Plan {
  std::vector<PolicyChoice> policies;
  std::vector<CacheSize> sizes;
  SizeUnit unit = SizeUnit::kObjects;

  bool knows_future() const { return std::ranges::any_of(policies, &PolicyChoice::knows_future); }
};

// A size that is written twice is one column of the table.
std::vector<CacheSize> WithoutRepeats(const std::vector<CacheSize>& sizes) {
  std::vector<CacheSize> distinct;
  for (const CacheSize& size : sizes) {
    const bool repeated = std::ranges::count(distinct, size.text, &CacheSize::text) > 0;
    if (!repeated) distinct.push_back(size);
  }
  return distinct;
}

Outcome<Plan> MakePlan(const SimulateArguments& arguments) {
  constexpr std::size_t kMostShards = 1024;
  if (arguments.shards > kMostShards ||
      (arguments.shards != 0 && !std::has_single_bit(arguments.shards))) {
    return WrongCall(
        fmt::format("--shards {}: use a power of two up to {}", arguments.shards, kMostShards));
  }
  const auto sizes = ParseCacheSizes(arguments.sizes);
  if (!sizes) return std::unexpected(sizes.error());
  const auto unit = ChooseUnit(arguments.unit, *sizes);
  if (!unit) return std::unexpected(unit.error());
  auto policies =
      ParsePolicies(arguments.policies,
                    *unit == SizeUnit::kBytes ? Clairvoyants::kOptAndBound : Clairvoyants::kOpt);
  if (!policies) return std::unexpected(policies.error());
  return Plan{std::move(*policies), WithoutRepeats(*sizes), *unit};
}

// What no cache of this size does better than.
SimulationResult Bound(const TraceScan& scan, std::uint64_t size) {
  SimulatedCounts counts{.requests = scan.requests, .bytes = scan.requested_bytes};
  counts.misses = scan.requests - scan.opt_bound.MostHits(size, scan.requests);
  counts.missed_bytes = scan.requested_bytes - scan.opt_bound.MostHitBytes(size, scan.requests);
  return {.counts = counts};
}

// Reads the trace twice: sizes in percent and opt need to know all of it first.
Outcome<SimulatedTrace> SimulateTrace(const Plan& plan, const SimulateArguments& arguments,
                                      const std::string& name) {
  auto input = TraceInput::Open(name, arguments.trace);
  if (!input) return std::unexpected(input.error());
  SimulatedTrace trace;
  trace.name = name;
  {
    Progress progress("read", "requests");
    auto scan = ScanTrace(input->path(), input->options(), plan.unit, plan.knows_future(),
                          Reporter(progress));
    if (!scan) return std::unexpected(BadTrace(scan.error()));
    trace.scan = std::move(*scan);
  }
  std::vector<SimulatedCase> cases;
  const std::uint64_t all = plan.unit == SizeUnit::kBytes ? trace.scan.bytes : trace.scan.objects;
  for (const CacheSize& size : plan.sizes) {
    for (const PolicyChoice& policy : plan.policies) {
      if (policy.is_bound()) continue;
      cases.push_back({policy.spec, size.Of(all), arguments.shards});
    }
  }
  Progress progress("simulate", "requests");
  progress.set_total(trace.scan.requests);
  auto results = Simulate(input->path(), cases,
                          {.sizes = plan.unit,
                           .trace = input->options(),
                           .requests = trace.scan.requests,
                           .threads = arguments.threads,
                           .progress = Reporter(progress)},
                          trace.scan.next_uses);
  if (!results) return std::unexpected(BadTrace(results.error()));
  auto next = results->begin();
  for (const CacheSize& given : plan.sizes) {
    const std::uint64_t size = given.Of(all);
    for (const PolicyChoice& policy : plan.policies) {
      trace.rows.push_back(
          {policy, given.text, size, policy.is_bound() ? Bound(trace.scan, size) : *next++});
    }
  }
  trace.scan.next_uses = {};
  return trace;
}

// A size that is given twice, as 1% and as the number that this is, is one point.
RatioCurves MakeCurves(const Plan& plan, const SimulatedTrace& trace) {
  RatioCurves curves{.trace = trace.name,
                     .requests = trace.scan.requests,
                     .keys = trace.scan.objects,
                     .bytes = trace.scan.bytes,
                     .has_sizes = trace.scan.has_sizes,
                     .curves = {}};
  for (std::size_t policy = 0; policy < plan.policies.size(); ++policy) {
    std::vector<RatioPoint> points;
    for (std::size_t at = policy; at < trace.rows.size(); at += plan.policies.size()) {
      const SimulatedRow& row = trace.rows[at];
      const SimulatedCounts& counts = row.result.counts;
      points.push_back({row.size, row.size_text, counts.miss_ratio(), counts.byte_miss_ratio()});
    }
    std::ranges::sort(points, {}, &RatioPoint::size);
    const auto repeated = std::ranges::unique(points, {}, &RatioPoint::size);
    points.erase(repeated.begin(), repeated.end());
    curves.curves.push_back(
        {plan.policies[policy].name, plan.policies[policy].spec, std::move(points)});
  }
  return curves;
}

Outcome<ExitStatus> RunSimulate(Session& session, const SimulateArguments& arguments) {
  const auto plan = MakePlan(arguments);
  if (!plan) return std::unexpected(plan.error());
  if (auto able = CheckPictures(arguments.pictures); !able) return std::unexpected(able.error());
  std::vector<SimulatedTrace> traces;
  std::vector<RatioCurves> curves;
  for (const std::string& name : arguments.traces) {
    auto trace = SimulateTrace(*plan, arguments, name);
    if (!trace) return std::unexpected(trace.error());
    TellBadLines(trace->scan.bad_lines, trace->scan.first_bad_line);
    if (!session.flags().json) PrintTables(session.out(), *trace, plan->unit);
    curves.push_back(MakeCurves(*plan, *trace));
    traces.push_back(std::move(*trace));
  }
  if (auto written = WritePictures(arguments.pictures, session, curves, plan->unit); !written) {
    return std::unexpected(written.error());
  }
  if (session.flags().json) {
    session.out().Line(
        ToJson(traces, plan->unit).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddSimulate(CLI::App& app, Action& action) {
  const auto [command, arguments] =
      AddCommand(app, action, "simulate",
                 "Miss ratios of policies and sizes at traces, without a store", RunSimulate);
  AddTraces(*command, arguments->traces);
  AddPolicies(
      *command, arguments->policies,
      "Policies, separated by commas; all: each there is, and opt;\nof bytes opt-bound too");
  command
      ->add_option(
          "--sizes", arguments->sizes,
          "Cache sizes: objects (1000), bytes (64MiB),\nor a share of the unique keys (1%)")
      ->type_name("LIST")
      ->capture_default_str();
  AddUnit(*command, arguments->unit);
  command
      ->add_option(
          "--shards", arguments->shards,
          "As a tier with so many shards, a power of two\n(default: one cache in exact order)")
      ->type_name("N")
      ->check(WholeNumber(1));
  AddTraceFlags(*command, arguments->trace);
  AddThreads(*command, arguments->threads);
  AddPictureFlags(*command, arguments->pictures);
  RefuseDatabaseFlags(*command, "--policy");
  SetExamples(
      *command,
      "Every policy and size sees the trace's requests in order, as one cache without shards, as\n"
      "papers have it; what misses is cached. With --shards it is the memory tier that is\n"
      "simulated, which evicts a few entries at a time and, where it hits hardly anything, caches\n"
      "one miss in sixteen. opt is Belady's rule, which knows the future: no other misses less if\n"
      "objects have one size, but one that looks at sizes may. opt-bound is no cache but what\n"
      "none exceeds, whatever the sizes (PFOO-L). The best of the others is marked with *.\n"
      "Memory: about 50 bytes a cached object, 26 a remembered key, and 4 a request if opt or\n"
      "opt-bound is asked for. In bytes an object of 4 GiB and more counts as 4 GiB - 1, and a\n"
      "request without a size as malformed.\n"
      "A plot has one picture a trace, one below the other, and where a trace has sizes a second\n"
      "one of the bytes; it needs Debian's package gnuplot-nox. A report needs nothing but "
      "itself.\n"
      "\n" +
          TraceFormatsHelp() +
          "\n"
          "Examples:\n"
          "  kvtool simulate web.txt.zst\n"
          "  kvtool simulate web.txt.zst --policy lru,s3-fifo:small=0.2,opt --sizes 1000,10000\n"
          "  kvtool simulate sizes.txt --unit bytes --sizes 64MiB,1GiB --json\n"
          "  kvtool simulate web.txt.zst --sizes 1%,3%,10%,30% --plot web.svg --report web.html\n");
}

}  // namespace kvcache::kvtool
