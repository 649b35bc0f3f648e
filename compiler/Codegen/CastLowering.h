// Casts as integer arithmetic on lanes; the same bits as recipe::castBits. The processor's own
// conversions are used where they give these bits, too: f16 (whose denormals no setting flushes),
// but not bf16 (x86 flushes them whatever the setting).
#pragma once

#include "compiler/Codegen/Lanes.h"
#include "compiler/Codegen/Target.h"
#include "runtime/recipe/Recipe.h"

namespace recast::codegen {

/// `value` holds elements of `from` as integers of their width; so does the result of `to`. The
/// pair is one that recipe::castSupported() knows. `floatUnit`: the code runs in the default
/// environment anyway, so that conversions of f32 and f64 may be the processor's.
mlir::Value emitCast(Lanes &lanes, mlir::Value value, DType from, DType to,
                     recipe::Overflow overflow, const Target &target, bool floatUnit);

/// Whether the code of this cast runs under MXCSR, which must then be the default: rounding to
/// nearest, no exception unmasked.
bool castUsesFloatUnit(DType from, DType to, const Target &target);

} // namespace recast::codegen
