#include "dialect/Pipe/PipeDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialect/Pipe/PipeDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Pipe/PipeAttrs.cpp.inc"

namespace recast::ir::pipe {

void PipeDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Pipe/PipeAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Pipe/PipeOps.cpp.inc"
      >();
}

LogicalResult AssignAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayAttr names,
                                 ArrayAttr paths, Attribute how) {
  if (names.empty() && paths.empty())
    return emitError() << "assigns no tensor";
  for (Attribute name : names)
    if (!isa<StringAttr>(name))
      return emitError() << "names are patterns, not " << name;
  for (Attribute path : paths)
    if (!isa<ckpt::PathAttr>(path))
      return emitError() << "paths are of a model, not " << path;
  if (auto word = dyn_cast<ckpt::WordAttr>(how))
    if (llvm::is_contained({"uniform", "first", "last"}, word.getText()))
      return success();
  auto call = dyn_cast<ckpt::CallAttr>(how);
  if (call && call.getArgs().size() == 1) {
    auto stage = dyn_cast<IntegerAttr>(call.getArgs()[0]);
    if (call.getCallee() == "stage" && stage && stage.getInt() >= 0)
      return success();
    auto cost = dyn_cast<ckpt::WordAttr>(call.getArgs()[0]);
    if (call.getCallee() == "by_cost" && cost && cost.getText() == "params")
      return success();
  }
  return emitError()
         << "stages are given by uniform, by_cost(params), first, last or stage(n), not " << how;
}

} // namespace recast::ir::pipe
