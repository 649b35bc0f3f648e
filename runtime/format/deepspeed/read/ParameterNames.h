// Names for the numbered parameters of an optimizer that was saved without them.
#pragma once

#include "runtime/format/deepspeed/read/ReplicatedOptimizer.h"

namespace recast::format::deepspeed {

struct ParameterNames {
  std::vector<std::vector<NamedShape>> groups; ///< As `param_shapes` has them.
  /// Flat groups: element of the group's buffer at which each parameter begins.
  std::vector<std::vector<int64_t>> starts;
};

/// A run without ZeRO saves no names with its optimizer. Where torch kept some (`param_names`),
/// those are taken. Else every group is taken to list its parameters in the order of the module,
/// which shapes and, where masters exist, the rounded values of their first elements must confirm;
/// a flat group lies in memory as the module's weights do. If more than one assignment fits, the
/// parameters that stay doubtful are named. `frozen`: names or shell patterns, separated by commas,
/// of parameters that no group holds.
Result<ParameterNames> nameParameters(const ModelStates &model,
                                      const ReplicatedOptimizer &optimizer,
                                      const std::string &frozen);

} // namespace recast::format::deepspeed
