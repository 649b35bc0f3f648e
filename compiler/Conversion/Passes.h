// From bound ckpt IR to the plan dialect.
#pragma once

#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Plan/PlanDialect.h"

#include "mlir/Pass/Pass.h"

#include <memory>

namespace recast::compiler {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/Conversion/Passes.h.inc"

} // namespace recast::compiler
