#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/printable.h"
#include "commands.h"
#include "flags.h"
#include "kvcache/size.h"
#include "progress.h"
#include "sampling.h"
#include "simulate/advice.h"
#include "simulation_flags.h"
#include "trace_flags.h"
#include "trace_input.h"

namespace kvcache::kvtool {
namespace {

struct AdviseArguments {
  std::string trace;
  double target = 0.9;
  std::string most;
  std::string policies = "all";
  std::string value_size = "100";
  SamplingFlags sampling;
  TraceOptions options;
  unsigned threads = 1;
};

// What is known of the trace, and of each policy at it.
struct Findings {
  SampledTrace sample;
  bool whole = false;     // at some sizes all of it was simulated too
  double mean_bytes = 0;  // of an entry, with all that it takes
  std::vector<std::uint64_t> sizes;
  std::vector<PolicyOutlook> outlooks;
  PolicyOutlook opt;
};

struct Candidate {
  const PolicyOutlook* outlook;
  std::optional<Need> need;
  double hit_ratio = 0;  // at the size in question
};

struct Advice {
  std::optional<double> most;         // bytes, if there is a limit
  std::vector<Candidate> candidates;  // best first
  double reachable = 0;               // by any cache: what is asked for more than once
  double opt_hit_ratio = 0;           // at the size in question
  double entries = 0;                 // that the best has room for then

  const Candidate& best() const { return candidates.front(); }
  // The target is reached within the limit.
  bool reached() const { return best().need && (!most || best().need->bytes <= *most); }
  // The tier that the advice is about.
  double bytes() const { return reached() ? best().need->bytes : most.value_or(0); }
  double entry_bytes() const { return bytes() / std::max(entries, 1.0); }
};

constexpr std::size_t kSizes = 48;

Outcome<ObjectSizes> SizesInTier(const AdviseArguments& arguments) {
  const auto value = ParseSize(arguments.value_size);
  if (!value || *value == 0 || *value > (std::uint64_t{1} << 30)) {
    return WrongCall(
        fmt::format("--value-size {}: give bytes, from 1 to 1GiB", Excerpt(arguments.value_size)));
  }
  ObjectSizes sizes = SizeUnit::kBytes;
  sizes.unknown = static_cast<std::uint32_t>(*value);
  sizes.in_tier = true;
  return sizes;
}

Outcome<Findings> Find(const AdviseArguments& arguments, const TraceInput& input) {
  auto policies = ParsePolicies(arguments.policies, Clairvoyants::kOpt);
  if (!policies) return std::unexpected(policies.error());
  std::erase_if(*policies, [](const PolicyChoice& policy) { return !policy.spec; });
  if (policies->empty()) return WrongCall("opt knows the future; give policies that do not");
  const auto in_tier = SizesInTier(arguments);
  if (!in_tier) return std::unexpected(in_tier.error());
  auto read = ReadSample(input, *in_tier, arguments.sampling);
  if (!read) return std::unexpected(read.error());
  Findings findings;
  findings.sample = std::move(*read);
  const SampledTrace& sample = findings.sample;
  if (sample.all_requests == 0) return Failed(input.name() + ": no requests in it");
  findings.mean_bytes =
      static_cast<double>(sample.all_bytes) / static_cast<double>(sample.all_keys);
  findings.sizes = LogarithmicSizes(std::max<std::uint64_t>(1, sample.all_bytes / 1000),
                                    std::max<std::uint64_t>(1, sample.all_bytes), kSizes);
  std::vector<std::optional<PolicySpec>> specs;
  for (const PolicyChoice& policy : *policies) specs.push_back(policy.spec);
  specs.emplace_back(std::nullopt);
  const auto estimated = Estimate(input, sample, *in_tier, arguments.threads, specs, findings.sizes,
                                  arguments.sampling);
  if (!estimated) return std::unexpected(estimated.error());
  findings.whole = estimated->whole;
  const auto policy_bytes =
      PolicyBytesInTier(sample, in_tier->unit, specs, findings.sizes, arguments.threads);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const std::string name = specs[i] ? (*policies)[i].name : "opt";
    auto outlook = MakeOutlook(name, estimated->curves[i], estimated->likely_errors[i],
                               findings.sizes, policy_bytes[i], findings.mean_bytes);
    (specs[i] ? findings.outlooks.emplace_back() : findings.opt) = std::move(outlook);
  }
  return findings;
}

// Least bytes first; where the target is out of reach, most hits first.
Advice Decide(const AdviseArguments& arguments, const Findings& findings,
              std::optional<double> most) {
  Advice advice;
  advice.most = most;
  advice.reachable = 1 - static_cast<double>(findings.sample.all_keys) /
                             static_cast<double>(findings.sample.all_requests);
  const double limit = most.value_or(static_cast<double>(findings.sizes.back()));
  for (const PolicyOutlook& outlook : findings.outlooks) {
    advice.candidates.push_back(
        {&outlook, BytesFor(outlook, arguments.target), HitRatioAt(outlook, limit)});
  }
  const auto within = [most](const Candidate& one) {
    return one.need && (!most || one.need->bytes <= *most);
  };
  std::ranges::sort(advice.candidates, [&](const Candidate& a, const Candidate& b) {
    if (within(a) != within(b)) return within(a);
    const double difference = within(a) ? a.need->bytes - b.need->bytes : b.hit_ratio - a.hit_ratio;
    return difference != 0 ? difference < 0 : a.outlook < b.outlook;  // in the order given
  });
  if (!advice.most && !advice.reached()) advice.most = limit;
  for (Candidate& one : advice.candidates) {
    one.hit_ratio = HitRatioAt(*one.outlook, advice.bytes());
  }
  advice.opt_hit_ratio = HitRatioAt(findings.opt, advice.bytes());
  advice.entries = EntriesAt(*advice.best().outlook, advice.bytes());
  return advice;
}

std::string Bytes(double bytes) { return FormatSize(static_cast<std::uint64_t>(bytes)); }
std::string Percent(double ratio) { return fmt::format("{:.1f} %", 100 * ratio); }

void PrintHead(Output& out, const AdviseArguments& arguments, const Advice& advice) {
  const Candidate& best = advice.best();
  if (advice.reached()) {
    out.Line(fmt::format("Take {}, and a tier of {}: {} of requests hit then.",
                         best.outlook->policy, Bytes(best.need->bytes), Percent(best.hit_ratio)));
  } else if (arguments.target > advice.reachable) {
    out.Line(fmt::format(
        "No cache reaches {}: {} of the requests are the first for their key. At most {} can hit;",
        Percent(arguments.target), Percent(1 - advice.reachable), Percent(advice.reachable)));
    out.Line(fmt::format("{} comes to {} with {}.", best.outlook->policy, Percent(best.hit_ratio),
                         Bytes(advice.bytes())));
  } else {
    out.Line(fmt::format("With {} no policy reaches {}; {} comes closest, with {} of hits.",
                         Bytes(advice.bytes()), Percent(arguments.target), best.outlook->policy,
                         Percent(best.hit_ratio)));
  }
  out.Line(fmt::format("That is room for {} entries of {} each: key, value and what the tier adds.",
                       GroupDigits(static_cast<std::uint64_t>(advice.entries)),
                       Bytes(advice.entry_bytes())));
}

void PrintTable(Output& out, const AdviseArguments& arguments, const Advice& advice) {
  std::size_t width = 6;
  for (const Candidate& one : advice.candidates) {
    width = std::max(width, one.outlook->policy.size());
  }
  out.Line(fmt::format("{:<{}}  {:>14}  {:>9}  {:>12}  {:>24}", "policy", width, "hits with that",
                       "error +-", "needs for " + fmt::format("{:g} %", 100 * arguments.target),
                       "likely between"));
  for (const Candidate& one : advice.candidates) {
    std::string needs = "never", between;
    if (one.need) {
      needs = Bytes(one.need->bytes);
      between = fmt::format("{} and {}", Bytes(one.need->least),
                            one.need->most ? Bytes(*one.need->most) : "more than all");
    }
    out.Line(fmt::format("{:<{}}  {:>14}  {:>9}  {:>12}  {:>24}", one.outlook->policy, width,
                         Percent(one.hit_ratio), Percent(one.outlook->likely_error), needs,
                         between));
  }
  out.Line(fmt::format("{:<{}}  {:>14}", "opt", width, Percent(advice.opt_hit_ratio)));
}

void PrintWhy(Output& out, const Findings& findings, const Advice& advice) {
  const Candidate& best = advice.best();
  out.Line("");
  if (advice.candidates.size() > 1) {
    const Candidate& next = advice.candidates[1];
    const double behind = 100 * (best.hit_ratio - next.hit_ratio);
    if (advice.reached() && next.need) {
      out.Line(fmt::format("Next best: {}, which needs {}, {:.0f} % more.", next.outlook->policy,
                           Bytes(next.need->bytes),
                           100 * (next.need->bytes / best.need->bytes - 1)));
    } else {
      out.Line(fmt::format("Next best: {}, {:.1f} points behind.", next.outlook->policy, behind));
    }
    const double doubt = 100 * (best.outlook->likely_error + next.outlook->likely_error);
    out.Line(fmt::format(
        "How sure: {} and {} are {:.1f} points apart, and their errors together about {:.1f}: {}.",
        best.outlook->policy, next.outlook->policy, behind, doubt,
        behind > doubt ? "the first is better" : "either may be the better one"));
  }
  const SampledTrace& sample = findings.sample;
  out.Line(sample.rate == 1
               ? fmt::format("All {} keys were simulated.", GroupDigits(sample.keys))
               : fmt::format("From {} of about {} keys{}.", GroupDigits(sample.keys),
                             GroupDigits(sample.all_keys),
                             findings.whole ? ", and all of them at a few sizes" : ""));
}

Json ToJson(const Candidate& one) {
  Json json{{"policy", one.outlook->policy},
            {"hit_ratio", one.hit_ratio},
            {"likely_error", one.outlook->likely_error},
            {"bytes_for_target", nullptr},
            {"least_bytes", nullptr},
            {"most_bytes", nullptr}};
  if (one.need) {
    json["bytes_for_target"] = static_cast<std::uint64_t>(one.need->bytes);
    json["least_bytes"] = static_cast<std::uint64_t>(one.need->least);
    if (one.need->most) json["most_bytes"] = static_cast<std::uint64_t>(*one.need->most);
  }
  return json;
}

std::string ToJsonText(const AdviseArguments& arguments, const Findings& findings,
                       const Advice& advice) {
  Json list = Json::array();
  for (const Candidate& one : advice.candidates) list.push_back(ToJson(one));
  const Json json{{"trace", arguments.trace},
                  {"target_hit_ratio", arguments.target},
                  {"reached", advice.reached()},
                  {"reachable_hit_ratio", advice.reachable},
                  {"policy", advice.best().outlook->policy},
                  {"bytes", static_cast<std::uint64_t>(advice.bytes())},
                  {"hit_ratio", advice.best().hit_ratio},
                  {"opt_hit_ratio", advice.opt_hit_ratio},
                  {"entry_bytes", advice.entry_bytes()},
                  {"requests", findings.sample.all_requests},
                  {"keys", findings.sample.all_keys},
                  {"sampled_keys", findings.sample.keys},
                  {"policies", std::move(list)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Outcome<ExitStatus> RunAdvise(Session& session, const AdviseArguments& arguments) {
  if (std::isnan(arguments.target) || arguments.target <= 0 || arguments.target >= 1) {
    return WrongCall("--target-hit is a ratio between 0 and 1, such as 0.9");
  }
  std::optional<double> most;
  if (!arguments.most.empty()) {
    const auto bytes = ParseSize(arguments.most);
    if (!bytes || *bytes == 0) return WrongCall("--max takes bytes, such as 64MiB");
    most = static_cast<double>(*bytes);
  }
  const auto input = TraceInput::Open(arguments.trace, arguments.options);
  if (!input) return std::unexpected(input.error());
  const auto findings = Find(arguments, *input);
  if (!findings) return std::unexpected(findings.error());
  TellBadLines(findings->sample.bad_lines, findings->sample.first_bad_line);
  const Advice advice = Decide(arguments, *findings, most);
  Output& out = session.out();
  if (session.flags().json) {
    out.Line(ToJsonText(arguments, *findings, advice));
    return ExitStatus::kDone;
  }
  PrintHead(out, arguments, advice);
  out.Line("");
  PrintTable(out, arguments, advice);
  PrintWhy(out, *findings, advice);
  return ExitStatus::kDone;
}

}  // namespace

void AddAdvise(CLI::App& app, Action& action) {
  const auto [command, arguments] = AddCommand(
      app, action, "advise", "Which policy and how many bytes a trace's workload needs", RunAdvise);
  AddTrace(*command, arguments->trace);
  command->add_option("--target-hit", arguments->target, "The hit ratio to reach, as 0.9")
      ->type_name("RATIO")
      ->capture_default_str();
  command->add_option("--max", arguments->most, "The most bytes that the tier may take, as 64MiB")
      ->type_name("SIZE");
  AddPolicies(*command, arguments->policies, "Policies to choose from, separated by commas");
  command
      ->add_option("--value-size", arguments->value_size,
                   "Of values whose size the trace does not tell")
      ->type_name("SIZE")
      ->capture_default_str();
  AddSamplingFlags(*command, arguments->sampling,
                   "Sizes at which the whole trace is simulated too");
  AddTraceFlags(*command, arguments->options);
  AddThreads(*command, arguments->threads);
  RefuseDatabaseFlags(*command, "--policy");
  SetExamples(
      *command,
      "Sizes are a tier's capacity: each entry counts with its key, its value and what the tier\n"
      "and the policy keep beside them. (Below 8 MiB size classes are coarser, and a tier may\n"
      "hold a tenth less.) Of the policies that reach the hit ratio the one that needs least is\n"
      "named; if none does within --max, the one that hits most. See kvtool curve --help for how\n"
      "it is found, and for the memory that it takes: 16 to 32 bytes for each request of the\n"
      "sampled keys, and the simulated caches.\n"
      "\n" +
          TraceFormatsHelp() +
          "\n"
          "Examples:\n"
          "  kvtool advise web.txt.zst --target-hit 0.8\n"
          "  kvtool advise web.txt.zst --target-hit 0.95 --max 64MiB --value-size 4KiB --json\n");
}

}  // namespace kvcache::kvtool
