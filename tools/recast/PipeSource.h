// Where a schedule of `recast pipe` comes from: a kind with its numbers, a file of another program,
// or a pipeline of a specification.
#pragma once

#include "compiler/Schedule/Costs.h"
#include "compiler/Schedule/Generate.h"

#include <optional>
#include <string>
#include <vector>

namespace recast::tools {

struct PipeSource {
  std::string what;     ///< A file, or a kind: see isFile().
  std::string pipeline; ///< Of a .ucl: which; may stay empty where there is one.
  int32_t ranks = 0, chunks = 0, microbatches = 0; ///< 0: not given.
  int32_t group = 0, update = 0;
  std::vector<std::string> defines; ///< Of a .ucl: name=value.
  std::optional<std::string> costs; ///< "f=1,b=2": see schedule::parseCosts; none: the usual.
};

struct LoadedSchedule {
  schedule::Schedule schedule;
  schedule::Costs costs;
};

/// Generates, or reads a file; of a file, numbers that are given have to agree with it.
Result<LoadedSchedule> loadSchedule(const PipeSource &source);

/// Whether the schedule is read from a file, not generated: what is a file, or is spelled as no
/// kind is (with '/', or ending in .ucl, .csv, .json).
bool isFile(const PipeSource &source);

/// "1f1b: 4 ranks, 8 microbatches"
std::string titleOf(const schedule::Schedule &schedule);

} // namespace recast::tools
