// Expressions as attributes of the ckpt dialect, and back.
#pragma once

#include "lang/ast/Ast.h"
#include "runtime/base/Status.h"

#include "mlir/IR/Attributes.h"
#include "mlir/IR/MLIRContext.h"

namespace recast::lang {

/// Nesting that is followed; parsed text stays far below, an AST made by a program may not.
inline constexpr unsigned kMaxExprDepth = 256;

/// The attribute of an expression. Failures name no place: the caller knows it.
Result<mlir::Attribute> exprToAttr(mlir::MLIRContext &context, const ExprPtr &expr);
/// Null for an attribute that is no expression.
ExprPtr attrToExpr(mlir::Attribute attr);
/// The arguments that an array of expressions and `#ckpt.arg`s holds.
std::vector<Arg> attrToArgs(mlir::ArrayAttr attr);

} // namespace recast::lang
