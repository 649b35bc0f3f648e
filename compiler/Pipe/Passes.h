// Passes over pipeline schedules.
#pragma once

#include "dialect/Pipe/PipeDialect.h"

#include "mlir/Pass/Pass.h"

#include <memory>

namespace recast::compiler {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/Pipe/Passes.h.inc"

} // namespace recast::compiler
