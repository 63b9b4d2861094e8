// How benchmarks of hits ask for keys.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/requests.h"

namespace bench {

// Registers `run(state, next)` for 1, 2 and as many threads as there are processors. `next` is
// where the thread goes on in the requests, for it to move: so a repetition asks for other keys
// than the one before. It has half as many requests of each thread as there are entries, for every
// system, however long that takes.
template <class Run>
void RegisterHits(const std::string& name, std::size_t entries, Run run) {
  const unsigned processors = std::max(2U, std::thread::hardware_concurrency());
  const auto next = std::make_shared<std::vector<std::size_t>>();
  for (unsigned t = 0; t < processors; ++t) next->push_back(FirstOf(t));
  auto* registered = benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    run(state, (*next)[static_cast<std::size_t>(state.thread_index())]);
  });
  registered->Iterations(
      static_cast<benchmark::IterationCount>(std::max<std::size_t>(entries / 2, 1)));
  registered->Threads(1)->Threads(2);
  if (processors > 2) registered->Threads(static_cast<int>(processors));
}

}  // namespace bench
