// A declared pipeline as lists of actions with their times.
#pragma once

#include "compiler/Schedule/Versions.h"
#include "dialect/Pipe/PipeDialect.h"

#include <optional>
#include <string>
#include <vector>

namespace recast::compiler {

/// What a restore needs to know of a stage, from the start of the schedule in its unit of time.
struct StageTimes {
  double forward = 0; ///< Start of its first forward.
  /// Start of its first forward that predicts, or whose backward comes after updates; none where no
  /// forward does.
  std::optional<double> ahead;
  double update = 0; ///< Start of its first optimizer step.
  /// How far ahead its weights are wanted once the pipeline is full: the furthest that a forward is
  /// predicted; in lists without predictions, the largest derived lag.
  int32_t lag = 0;
};

struct BoundPipeline {
  std::string name;
  schedule::Schedule schedule; ///< With its optimizer steps.
  schedule::Versions versions;
  std::vector<StageTimes> stages;
  double firstUpdates = 0; ///< End of the first optimizer step of the last stage to make one.
};

/// Generates or parses the lists and simulates them. Errors name the place of the declaration.
Result<BoundPipeline> bindPipeline(ir::pipe::ScheduleOp op);

} // namespace recast::compiler
