#include "dialect/Ckpt/CkptDialect.h"

using namespace mlir;

namespace recast::ir::ckpt {

using EmitError = function_ref<InFlightDiagnostic()>;

bool isExpr(Attribute attr) {
  if (auto integer = dyn_cast<IntegerAttr>(attr))
    return integer.getType().isSignlessInteger(64) || integer.getType().isSignlessInteger(1);
  if (auto real = dyn_cast<FloatAttr>(attr))
    return real.getType().isF64();
  if (auto list = dyn_cast<ArrayAttr>(attr))
    return llvm::all_of(list, isArg);
  return isa<StringAttr, SizeAttr, WordAttr, CallAttr, MemberAttr, BinaryAttr>(attr);
}

bool isArg(Attribute attr) { return isa<ArgAttr>(attr) || isExpr(attr); }

static LogicalResult verifyExpr(EmitError emitError, Attribute attr) {
  if (isExpr(attr))
    return success();
  return emitError() << attr << " is not an expression";
}

LogicalResult SizeAttr::verify(EmitError emitError, int64_t bytes) {
  if (bytes < 0)
    return emitError() << "a size of " << bytes << " bytes";
  return success();
}

LogicalResult ArgAttr::verify(EmitError emitError, StringRef name, Attribute value) {
  if (name.empty())
    return emitError() << "an argument without a name is written as its value";
  return verifyExpr(emitError, value);
}

LogicalResult CallAttr::verify(EmitError emitError, StringRef callee, ArrayAttr args) {
  if (callee.empty())
    return emitError() << "a call names what it calls";
  for (Attribute arg : args)
    if (!isArg(arg))
      return emitError() << arg << " is not an argument";
  return success();
}

LogicalResult MemberAttr::verify(EmitError emitError, Attribute base, StringRef field) {
  if (field.empty())
    return emitError() << "a member names its field";
  return verifyExpr(emitError, base);
}

LogicalResult BinaryAttr::verify(EmitError emitError, StringRef op, Attribute lhs, Attribute rhs) {
  static constexpr StringRef operators[] = {
      "??", "+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=", "and"};
  if (!llvm::is_contained(operators, op))
    return emitError() << "`" << op << "` is not an operator";
  if (failed(verifyExpr(emitError, lhs)))
    return failure();
  return verifyExpr(emitError, rhs);
}

LogicalResult SameAttr::verify(EmitError emitError, StringRef names, ArrayAttr steps) {
  if (names.empty())
    return emitError() << "an empty name pattern";
  for (Attribute step : steps)
    if (!isStep(step))
      return emitError() << step << " is not a layout step";
  return success();
}

} // namespace recast::ir::ckpt
