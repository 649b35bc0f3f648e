// What a specification adds to a source's own layouts: that values differ between its ranks
// (`varying dp`), or which of them own a tensor (`stage dp at 1`).
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/format/Inventory.h"

namespace recast::compiler {

/// Whether the step is `varying` or `stage`.
bool isRankStep(const layout::Step &step);

/// Puts the steps on tensors of `source` by the rules of its endpoint. Fails (Usage, BadInput)
/// where a rule names no tensor, a tensor is named twice, or its files do not hold a copy of each
/// rank.
Status applyRankRules(const EndpointDecl &endpoint, format::Inventory &source);

/// Puts `steps` on one tensor. With `ifThere`, axes that the source's mesh does not have are passed
/// over, as a view for many runs needs it.
Status applyRankSteps(const std::vector<layout::Step> &steps, bool ifThere, mlir::Location loc,
                      format::Inventory &source, format::Tensor &tensor);

} // namespace recast::compiler
