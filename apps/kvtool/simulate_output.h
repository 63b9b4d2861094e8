// How simulated miss ratios are shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bytes.h"
#include "output.h"
#include "simulate/simulation.h"
#include "simulation_flags.h"

namespace kvcache::kvtool {

struct SimulatedRow {
  PolicyChoice policy;
  std::string size_text;  // as given: "1%"
  std::uint64_t size;     // in the unit
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
