// `.rplan` to and from MLIR, in the form that mlir-translate's registry wants.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/raw_ostream.h"

namespace recast {

/// The module of an artifact's bytes; null after emitting a diagnostic if they are not one.
mlir::OwningOpRef<mlir::ModuleOp> translatePlanToMlir(llvm::StringRef bytes,
                                                      mlir::MLIRContext *context);
/// Writes the artifact of a module that holds a whole, valid plan; else emits a diagnostic.
mlir::LogicalResult translateMlirToPlan(mlir::ModuleOp module, llvm::raw_ostream &out);

/// Registers `--rplan-to-mlir` and `--mlir-to-rplan`.
void registerPlanTranslations();

} // namespace recast
