// What a call of kvtool bench is to measure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "outcome.h"
#include "workload.h"

namespace kvcache::kvtool {

struct BenchArguments {
  std::vector<std::string> workloads = {"c"};
  std::uint64_t records = 1'000'000;
  std::size_t value_bytes = 100;
  std::string budgets = "10%";
  std::vector<std::string> against;  // none: all
  unsigned threads = 1;
  std::size_t batch = 1;
  bool direct = false;
  std::uint64_t operations = 100'000;
  unsigned rounds = 5;
  double read_us = 75;
  std::vector<std::string> tier_shares = {"auto"};
  std::string after;
  std::optional<std::uint64_t> settle;
  std::string scratch;
  std::string plot;
  bool force = false;
};

// What is measured together: the sides under one workload with one budget.
struct Case {
  WorkloadInfo workload;
  std::uint64_t records = 0;
  std::string budget_text;
  std::uint64_t budget = 0;
};

// A system, kvcache perhaps with a fixed share of the tier.
struct Contender {
  std::string name;
  std::string system;
  std::optional<double> tier_share = std::nullopt;
};

struct Bench {
  std::vector<Case> cases;
  std::vector<Contender> contenders;
  std::optional<WorkloadInfo> after;
};

// Or what is wrong with the arguments.
Outcome<Bench> PlanBench(const BenchArguments& arguments);

}  // namespace kvcache::kvtool
