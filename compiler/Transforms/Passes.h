// Rewrites of bound ckpt IR.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"

#include "mlir/Pass/Pass.h"

#include <memory>

namespace recast::compiler {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/Transforms/Passes.h.inc"

} // namespace recast::compiler
