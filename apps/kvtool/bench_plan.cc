#include "bench_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <ranges>
#include <system_error>
#include <utility>

#include "base/printable.h"
#include "bench_systems.h"
#include "kvcache/size.h"
#include "plot.h"
#include "simulation_flags.h"
#include "trace_workload.h"

namespace kvcache::kvtool {
namespace {

namespace fs = std::filesystem;

// "64MiB", "1%,10%" of the data.
Outcome<std::vector<CacheSize>> ParseBudgets(const std::string& text) {
  auto sizes = ParseCacheSizes(text);
  const auto plain = [](const CacheSize& size) { return size.kind == CacheSize::Kind::kPlain; };
  if (!sizes || std::ranges::any_of(*sizes, plain)) {
    return WrongCall(fmt::format(
        "--budget {}: give bytes (64MiB) or percentages of the data (1%,10%)", Excerpt(text)));
  }
  return *std::move(sizes);
}

std::string WorkloadNames() {
  return fmt::format("{}",
                     fmt::join(Workloads() | std::views::transform(&WorkloadInfo::name), ", "));
}

// One of Workloads(), or the trace in the file of that name.
Outcome<WorkloadInfo> ChooseWorkload(const std::string& name) {
  if (const WorkloadInfo* known = FindWorkload(name)) return *known;
  std::error_code ignored;
  if (fs::exists(name, ignored)) return TraceWorkload(name);
  return WrongCall(
      fmt::format("--workload {}: no workload of that name, nor a file with a trace; there are {}",
                  Excerpt(name), WorkloadNames()));
}

// kvcache, once for each share of the tier.
Outcome<std::vector<Contender>> ChooseShares(const std::vector<std::string>& shares) {
  std::vector<Contender> contenders;
  for (const std::string& text : shares) {
    Contender one{.name = "kvcache", .system = "kvcache"};
    if (text != "auto") {
      const auto share = ParseNumber(text);
      if (!share || *share < 0 || *share > 1) {
        return WrongCall(
            fmt::format("--tier-share {}: give numbers from 0 to 1, or auto", Excerpt(text)));
      }
      one.name += ":" + text;
      one.tier_share = share;
    }
    if (std::ranges::find(contenders, one.name, &Contender::name) == contenders.end()) {
      contenders.push_back(std::move(one));
    }
  }
  return contenders;
}

// kvcache and those against which it is measured.
Outcome<std::vector<Contender>> ChooseContenders(const BenchArguments& arguments) {
  const auto& known = SystemNames();
  auto contenders = ChooseShares(arguments.tier_shares);
  if (!contenders) return contenders;
  std::vector<std::string> others = arguments.against;
  if (others.empty()) others.assign(known.begin(), known.end());
  for (const std::string& name : others) {
    if (std::ranges::find(known, name) == known.end()) {
      return WrongCall(fmt::format("--against {}: no system of that name; there are {}",
                                   Excerpt(name), fmt::join(known, ", ")));
    }
    if (std::ranges::find(*contenders, name, &Contender::system) == contenders->end()) {
      contenders->push_back({.name = name, .system = name});
    }
  }
  return contenders;
}

std::uint64_t MachineMemory() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// A round's requests and their keys are prepared in memory.
Outcome<void> CheckRounds(const BenchArguments& arguments) {
  if (arguments.operations < arguments.threads) {
    return WrongCall(fmt::format("--ops {}: fewer than the {} threads; give each one operation",
                                 arguments.operations, arguments.threads));
  }
  const std::uint64_t most = MachineMemory() / (sizeof(Request) + kKeyBytes);
  if (arguments.operations > most) {
    return WrongCall(fmt::format("--ops {}: this machine has memory for {}; give fewer",
                                 arguments.operations, most));
  }
  if (!std::isfinite(arguments.read_us)) {
    return WrongCall(fmt::format("--read-us {}: give microseconds, such as 75", arguments.read_us));
  }
  return {};
}

Outcome<void> CheckBudget(const Case& one) {
  const std::uint64_t memory = MachineMemory();
  if (one.budget <= memory) return {};
  return WrongCall(fmt::format("--budget {}: this machine has {} of memory; give less",
                               one.budget_text, FormatSize(memory)));
}

// What the sides do before, on the same keys.
Outcome<std::optional<WorkloadInfo>> ChooseBefore(const BenchArguments& arguments,
                                                  const std::vector<Case>& cases) {
  if (arguments.after.empty()) return std::nullopt;
  const WorkloadInfo* after = FindWorkload(arguments.after);
  if (after == nullptr) {
    return WrongCall(fmt::format("--after {}: no workload of that name; there are {}",
                                 Excerpt(arguments.after), WorkloadNames()));
  }
  for (const Case& one : cases) {
    if (one.workload.ordered != after->ordered || one.workload.records != 0) {
      return WrongCall(
          fmt::format("--after {}: {} has other keys", after->name, one.workload.name));
    }
  }
  return *after;
}

}  // namespace

Outcome<Bench> PlanBench(const BenchArguments& arguments) {
  Bench bench;
  if (auto able = CheckRounds(arguments); !able) return std::unexpected(able.error());
  const auto budgets = ParseBudgets(arguments.budgets);
  if (!budgets) return std::unexpected(budgets.error());
  for (const std::string& name : arguments.workloads) {
    const auto workload = ChooseWorkload(name);
    if (!workload) return std::unexpected(workload.error());
    const std::uint64_t records = workload->records != 0 ? workload->records : arguments.records;
    for (const CacheSize& budget : *budgets) {
      bench.cases.push_back({.workload = *workload,
                             .records = records,
                             .budget_text = budget.text,
                             .budget = budget.Of(records * (kKeyBytes + arguments.value_bytes))});
      if (auto able = CheckBudget(bench.cases.back()); !able) return std::unexpected(able.error());
    }
  }
  auto contenders = ChooseContenders(arguments);
  if (!contenders) return std::unexpected(contenders.error());
  bench.contenders = *std::move(contenders);
  auto after = ChooseBefore(arguments, bench.cases);
  if (!after) return std::unexpected(after.error());
  bench.after = *std::move(after);
  if (!arguments.plot.empty()) {
    if (auto able = CheckPlotting(arguments.plot, arguments.force); !able) {
      return std::unexpected(able.error());
    }
  }
  return bench;
}

}  // namespace kvcache::kvtool
