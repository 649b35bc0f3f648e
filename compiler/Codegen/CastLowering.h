// Casts as integer arithmetic on lanes; the same bits as recipe::castBits.
#pragma once

#include "compiler/Codegen/Lanes.h"
#include "runtime/recipe/Recipe.h"

namespace recast::codegen {

/// `value` holds elements of `from` as integers of their width; so does the result of `to`. The
/// pair is one that recipe::castSupported() knows.
mlir::Value emitCast(Lanes &lanes, mlir::Value value, DType from, DType to,
                     recipe::Overflow overflow);

} // namespace recast::codegen
