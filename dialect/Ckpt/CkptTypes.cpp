#include "dialect/Ckpt/CkptDialect.h"

using namespace mlir;

#define GET_TYPEDEF_CLASSES
#include "dialect/Ckpt/CkptTypes.cpp.inc"

namespace recast::ir::ckpt {

void CkptDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Ckpt/CkptTypes.cpp.inc"
      >();
}

ValueType ValueType::get(MLIRContext *context, ArrayRef<int64_t> shape, DType dtype,
                         LayoutAttr on) {
  return get(context, RankedTensorType::get(shape, typeOf(context, dtype)), on);
}

DType ValueType::getDType() const { return *dtypeOf(getTensor().getElementType()); }

layout::Layout ValueType::getLayout() const {
  return getOn() ? getOn().getLayout() : layout::Layout();
}

LogicalResult ValueType::verify(function_ref<InFlightDiagnostic()> emitError,
                                RankedTensorType tensor, LayoutAttr on) {
  if (!tensor.hasStaticShape())
    return emitError() << "a checkpoint value has a static shape, got " << tensor;
  if (tensor.getEncoding())
    return emitError() << "a checkpoint value has no tensor encoding; `on` says how it lies";
  if (!dtypeOf(tensor.getElementType())) {
    InFlightDiagnostic diag = emitError();
    diag << "element type " << tensor.getElementType() << " is not one that checkpoints store";
    if (tensor.getElementType().isSignlessInteger())
      diag << "; write its sign, as in si" << tensor.getElementType().getIntOrFloatBitWidth();
    return diag;
  }
  if (!on)
    return success();
  std::vector<std::vector<int64_t>> shapes{tensor.getShape().vec()};
  AxesAttr axes = on.getAxes();
  if (axes && axes.getAxisMap().partCount() > 1) {
    shapes = axes.getPartShapes();
    SmallVector<int64_t> packed = axes.getStoredShape();
    if (tensor.getShape() != ArrayRef<int64_t>(packed) &&
        !llvm::is_contained(shapes, tensor.getShape().vec()))
      return emitError() << axes << " packs its parts into "
                         << RankedTensorType::get(packed, tensor.getElementType())
                         << "; neither that nor a part of it is " << tensor;
  }
  if (auto status = layout::verify(on.getLayout(), shapes); !status)
    return emitError() << tensor << " cannot lie so: " << status.error().message();
  return success();
}

} // namespace recast::ir::ckpt
