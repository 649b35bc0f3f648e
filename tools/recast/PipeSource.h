// Where a schedule of `recast pipe` comes from: a kind with its numbers, a file of another program,
// or a pipeline of a specification.
#pragma once

#include "compiler/Schedule/Costs.h"
#include "compiler/Schedule/Generate.h"

namespace recast::tools {

struct PipeSource {
  std::string what;     ///< A kind, or a file (.csv, .json, .ucl).
  std::string pipeline; ///< Of a .ucl: which; may stay empty where there is one.
  int32_t ranks = 0, chunks = 0, microbatches = 0; ///< 0: not given.
  int32_t group = 0, update = 0;
  std::vector<std::string> defines; ///< Of a .ucl: name=value.
  std::string costs; ///< "f=1,b=2": see schedule::parseCosts; empty: those that are usual.
};

struct LoadedSchedule {
  schedule::Schedule schedule;
  schedule::Costs costs;
};

/// Generates, or reads a file; of a file, numbers that are given have to agree with it.
Result<LoadedSchedule> loadSchedule(const PipeSource &source);

/// Whether the schedule is read from a file, not generated.
bool isFile(const PipeSource &source);

/// "1f1b: 4 ranks, 8 microbatches"
std::string titleOf(const schedule::Schedule &schedule);

} // namespace recast::tools
