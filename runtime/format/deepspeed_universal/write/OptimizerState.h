// `zero/optimizer_state.pt`: everything of the optimizer that is not per parameter.
#pragma once

#include "runtime/format/TargetWriter.h"

namespace recast::format {

/// What the file is made of.
struct OptimizerState {
  plan::ObjectPtr root;
  std::vector<std::string> notes;
};

/// The union of what the loaders of all stages ask for: the rank-independent keys of the source's
/// optimizer object with paddings zeroed, `param_groups`, and for ZeRO-3 `optimizer_state_dict`
/// with the step of the first group. All parameters of a group must be at one step, or have none.
Result<OptimizerState> makeOptimizerState(const WriteRequest &request);

/// A step as the source had it: a Python int (I64) or a 0-dim tensor.
Result<plan::ObjectPtr> stepObject(const TargetTensor &step);

} // namespace recast::format
