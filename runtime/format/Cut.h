// Whether a checkpoint was saved while its pipeline was drained.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/format/Inventory.h"
#include "runtime/plan/Plan.h"

namespace recast::format {

/// Drained: all steps of the source are equal. Code::Negative, with two tensors and their steps,
/// where it is not as `wanted`, or where nothing tells.
Status checkCut(plan::Cut wanted, const Inventory &source);

} // namespace recast::format
