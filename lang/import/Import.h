// AST to declared `ckpt` IR and back: one statement, one op.
#pragma once

#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace recast::lang {

/// The declared module of a spec, verified; ops are located at file:line:col of their statements.
/// Constants are folded: no `let` is left, arguments are values, and the extents in layout steps
/// are integers (the names of mesh axes stand for their sizes). Loads the dialect. Fails with a
/// Code::Usage error "file:line:col: ..." at the first thing that cannot be said.
Result<mlir::OwningOpRef<mlir::ModuleOp>> importSpec(const Spec &spec, mlir::MLIRContext &context);

/// The spec that a declared module says; importing it again gives an equal module (up to locations,
/// and to the names of jobs, which the language does not have). Neighbouring statements for the
/// same targets share a `for` block, neighbouring object rules an `objects` block. Fails with
/// Code::Usage on ops that are not declared IR and on names that the language cannot spell.
Result<Spec> exportSpec(mlir::ModuleOp module);

} // namespace recast::lang
