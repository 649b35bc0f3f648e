// Which stages of a pipeline own which tensors of a source, and when each is first needed.
#pragma once

#include "compiler/Bind/BindPipeline.h"
#include "compiler/Bind/Ends.h"
#include "compiler/Bind/Resolve.h"
#include "compiler/Bind/Strings.h"

#include <map>

namespace recast::compiler {

struct Stages {
  BoundPipeline pipeline;
  /// By tensor of the source, ascending: one, or both ends of a tie.
  std::vector<std::vector<int32_t>> owners;

  bool isOn(uint32_t tensor, uint32_t rank) const;
  /// StageTimes::lag of the stages that own a tensor, of those of `rank` where there is one;
  /// nothing where they differ.
  std::optional<int32_t> lagOf(uint32_t tensor, uint32_t rank) const;
};

/// The pipelines that a job speaks of, by name.
Result<std::map<std::string, Stages>> bindStages(mlir::ModuleOp module, const Job &job,
                                                 const Ends &ends);

/// Fills the deadlines of a plan from what was resolved. Weights, frozen parameters and buffers:
/// the first forward of a stage that owns them and is of the target's rank; `ahead`: its first
/// forward that comes before an update of its backward; the rest: its first optimizer step.
void addDeadlines(plan::Plan &plan, const Job &job, const Stages &stages,
                  const Resolution &resolution, Strings &strings);

} // namespace recast::compiler
