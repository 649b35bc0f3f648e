// Whether the chain of a rule fits a tensor.
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"

namespace recast::compiler {

/// Every cast exists, and no version of a value that differs between ranks is left. The outcome
/// depends on the tensor's type and layout alone, but for the names in the error.
Status checkChain(const format::Tensor &tensor, const std::vector<layout::Layout> &layouts,
                  const std::vector<ChainStep> &chain, mlir::Location loc);

} // namespace recast::compiler
