// How simulated miss ratios are shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bytes.h"
#include "output.h"
#include "simulate/simulation.h"

namespace kvcache::kvtool {

struct SimulatedRow {
  std::string policy;      // as given
  std::string parameters;  // the same with all of them
  std::string size_text;   // as given: "1%"
  std::uint64_t size;      // in the unit
  SimulationResult result;
};

struct SimulatedTrace {
  std::string name;
  TraceScan scan;
  std::vector<SimulatedRow> rows;  // size by size, of each the policies in one order
};

void PrintTables(Output& out, const SimulatedTrace& trace, SizeUnit unit);

Json ToJson(const std::vector<SimulatedTrace>& traces, SizeUnit unit);

}  // namespace kvcache::kvtool
