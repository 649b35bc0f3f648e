// The façade of the runtime: from a plan to what one rank executes. Formats make file images, the
// plan expands to runs; here the two meet. `recast-run`, `explain` and the proofs are thin over it.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/format/PlanTargets.h"
#include "runtime/plan/Plan.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace recast::capi {

/// Bytes by what needs them, before anything runs.
struct Forecast {
  uint64_t loadBytes = 0;    ///< Union of source ranges that outputs need.
  uint64_t checkBytes = 0;   ///< Union of further ranges that armed checks and checksums need.
  uint64_t readBytes = 0;    ///< What the tasks will read: equals the sum of the two, or is a bug.
  uint64_t writtenBytes = 0; ///< Sizes of all target files.
  uint64_t targetFiles = 0;
  uint64_t recordsWhole = 0,
           recordsPartial = 0;  ///< Source checksums that can and cannot be verified.
  uint64_t checkedElements = 0; ///< Elements under CheckEqual.
  exec::MemoryForecast memory;  ///< Within the budget of the plan, or there is no instance.
};

/// A program with the writers whose literals it asks for.
struct Instance {
  exec::Program program;
  /// One per root of the program, which are the targets of the plan that were instantiated.
  std::vector<std::shared_ptr<format::TargetWriter>> writers;
  std::vector<uint32_t> targets; ///< By root: the target of the plan.
  /// By family of the plan: the end of its tasks in the program; families follow each other, and
  /// after them comes what copies files and reads for checksums alone.
  std::vector<size_t> familyEnds;
  Forecast forecast;
  std::vector<std::string> notes; ///< Of the writers, each once.
};

/// Instantiates the plan for one process: all of it, or the targets of one rank of its pipeline and
/// what they need of the sources. Pure: reads no file. Targets in memory have none yet (see
/// allocateMemory). Fails with Code::BadInput when a target format refuses what it is asked to
/// hold, or two tensors share source bytes; with Code::Usage where no target is of that rank.
Result<Instance> instantiate(const plan::Plan &plan, std::optional<uint32_t> rank = std::nullopt);

/// Loads an artifact from a file (a path, or /proc/self/fd/N) that only its owner may write.
Result<plan::Plan> loadPlan(const std::string &path);
/// Refuses a plan whose source files changed since it was made: names the first that differs.
Status checkSources(const plan::Plan &plan);

} // namespace recast::capi
