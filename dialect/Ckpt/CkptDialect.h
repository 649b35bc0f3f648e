// The ckpt dialect: attributes, types and operations of declared and bound checkpoints.
#pragma once

#include "runtime/base/DType.h"
#include "runtime/layout/Layout.h"
#include "runtime/recipe/Recipe.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <optional>
#include <string>
#include <vector>

namespace recast::ir::ckpt {

class YieldOp;

/// Extent of one named axis.
struct AxisSize {
  mlir::StringAttr name;
  int64_t size;
  bool operator==(const AxisSize &) const = default;
};
inline llvm::hash_code hash_value(const AxisSize &axis) {
  return llvm::hash_combine(axis.name, axis.size);
}

/// The stored dtype that a builtin element type stands for: bool = i1, u8 = ui8, i8 = si8, ...,
/// f8e4m3fn = f8E4M3FN, c64 = complex<f32>. Signless integers other than i1 stand for none.
std::optional<DType> dtypeOf(mlir::Type type);
mlir::Type typeOf(mlir::MLIRContext *context, DType dtype);

/// A layout step as attribute, and back; `isStep` says whether it is one.
bool isStep(mlir::Attribute attr);
mlir::Attribute stepAttr(mlir::MLIRContext *context, const layout::Step &step);
layout::Step stepOf(mlir::Attribute attr);

/// The type `!shard.sharding` of MLIR's own shard dialect, which this header does not need.
mlir::Type shardingType(mlir::MLIRContext *context);
bool isSharding(mlir::Type type);

/// Whether an attribute is an expression of the language: i64, f64, bool, string, an array of
/// expressions and `#ckpt.arg`s, or one of #ckpt.{size, word, call, member, binary}.
bool isExpr(mlir::Attribute attr);
/// The same, or a `#ckpt.arg`.
bool isArg(mlir::Attribute attr);

} // namespace recast::ir::ckpt

#include "dialect/Ckpt/CkptDialect.h.inc"
#include "dialect/Ckpt/CkptEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Ckpt/CkptAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Ckpt/CkptTypes.h.inc"
#define GET_OP_CLASSES
#include "dialect/Ckpt/CkptOps.h.inc"

namespace recast::ir::ckpt {

/// Mesh axes along which a value differs, in rank order.
std::vector<std::string> varyingAxes(ValueType type);

} // namespace recast::ir::ckpt
