// What a source holds, by the names of its model: stored tensors taken apart into logical ones.
#pragma once

#include "compiler/Bind/Glob.h"
#include "compiler/Bind/View.h"
#include "runtime/format/Inventory.h"
#include "runtime/plan/Plan.h"

namespace recast::compiler {

/// `stored` with one tensor per logical tensor and role, in the order of the model: names, shapes
/// and layouts are those of the model, `part` says which part of a packed layout each is. Aliases
/// are dropped, since the view knows ties; parameter groups name logical tensors. Fails (BadInput,
/// with the tensor and the way out) where files and view do not fit.
Result<format::Inventory> logicalInventory(format::Inventory stored, const BoundView &view,
                                           std::vector<plan::LeftOut> &leftOut);

} // namespace recast::compiler
