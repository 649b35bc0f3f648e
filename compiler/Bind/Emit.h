// Family drafts as bound IR.
#pragma once

#include "compiler/Bind/Families.h"

#include "mlir/IR/BuiltinOps.h"

namespace recast::compiler {

/// Appends one `ckpt.family` per draft to `module`, exactly as the job says it: casts on the stored
/// layout, then a reshard to the target's. Bringing chains to their normal form is a pass.
void emitFamilies(mlir::ModuleOp module, const Job &job, const std::vector<layout::Layout> &layouts,
                  std::vector<FamilyDraft> drafts);

} // namespace recast::compiler
