// Between plans and the plan dialect, its text form (D9): import and export are inverse, so that
// artifact -> text -> artifact gives the same bytes.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace recast {

/// Loads the plan dialect and inserts the ops that say what `plan` holds at the builder's insertion
/// point, which must be at module level. Empty tables get no op. A plan without families is fine:
/// bind puts sources and tables into a module this way before there are any.
void addPlanOps(mlir::OpBuilder &builder, const plan::Plan &plan);

/// A module that holds nothing but the ops of `plan`, which must pass plan::verify.
mlir::OwningOpRef<mlir::ModuleOp> importPlan(const plan::Plan &plan, mlir::MLIRContext &context);

/// The plan that the plan ops of `module` say; ops of other dialects are ignored. Each op is
/// verified by itself; plan::verify is left to the caller, so that half-built modules export too.
/// Code::BadInput, naming the op and its place in the text.
Result<plan::Plan> exportPlan(mlir::ModuleOp module);

} // namespace recast
