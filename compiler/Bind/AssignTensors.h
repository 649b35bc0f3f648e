// The rules of `assign { .. }`: which stages of a pipeline own which tensors of a source.
#pragma once

#include "compiler/Bind/Ends.h"
#include "dialect/Pipe/PipeDialect.h"
#include "runtime/base/Status.h"

#include <vector>

namespace recast::compiler {

/// By tensor of the source, ascending: one stage, or both ends of a tie. Every tensor needs an
/// owner. The layer of a tensor is the first index of its path in a model, or the first whole
/// number between dots of its name.
Result<std::vector<std::vector<int32_t>>> assignTensors(ir::pipe::ScheduleOp op, const Ends &ends,
                                                        int32_t stages);

} // namespace recast::compiler
