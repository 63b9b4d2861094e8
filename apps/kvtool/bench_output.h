// How what kvtool bench measured is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench_rounds.h"
#include "bytes.h"
#include "output.h"
#include "plot.h"

namespace kvcache::kvtool {

// All sides under one workload with one budget, kvcache first.
struct BenchResult {
  std::string workload;
  std::string workload_help;
  std::uint64_t records = 0;
  std::size_t value_bytes = 0;
  std::string budget_text;   // as given: "10%"
  std::uint64_t budget = 0;  // bytes
  unsigned threads = 1;
  std::size_t batch = 1;
  bool direct = false;
  double read_us = 0;
  std::vector<Summary> summaries;
};

void PrintText(Output& out, const BenchResult& result);

// One table of all: how many times as fast kvcache is as each other side.
void PrintRatios(Output& out, const std::vector<BenchResult>& results);

// One result as it is, several as {"runs": [...]}.
Json ToJson(const std::vector<BenchResult>& results);

// How many times as fast kvcache is as each other side, by modelled time.
BarChart ChartOf(const std::vector<BenchResult>& results);

}  // namespace kvcache::kvtool
