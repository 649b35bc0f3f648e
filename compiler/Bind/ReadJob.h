// The declared job of a module, as plain statements.
#pragma once

#include "compiler/Bind/Job.h"
#include "runtime/base/Status.h"

#include "mlir/IR/BuiltinOps.h"

namespace recast::compiler {

/// The one job of `module`. Errors (Code::Usage) say where in the text.
Result<Job> readJob(mlir::ModuleOp module);

} // namespace recast::compiler
