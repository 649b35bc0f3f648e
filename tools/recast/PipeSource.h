// Where a schedule of `recast pipe` comes from: a kind with its numbers, or a file.
#pragma once

#include "compiler/Schedule/Costs.h"
#include "compiler/Schedule/Generate.h"

namespace recast::tools {

struct PipeSource {
  std::string what;                                ///< A kind, or a file (.csv, .json).
  int32_t ranks = 0, chunks = 0, microbatches = 0; ///< 0: not given.
  int32_t group = 0;
  std::string costs; ///< "f=1,b=2": see schedule::parseCosts; empty: those that are usual.
};

struct LoadedSchedule {
  schedule::Schedule schedule;
  schedule::Costs costs;
};

/// Generates, or reads a file; of a file, numbers that are given have to agree with it.
Result<LoadedSchedule> loadSchedule(const PipeSource &source);

/// "1f1b: 4 ranks, 8 microbatches"
std::string titleOf(const schedule::Schedule &schedule);

} // namespace recast::tools
