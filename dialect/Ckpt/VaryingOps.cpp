// Values that differ between ranks: what leaves that state, and what may not touch it.
#include "dialect/Ckpt/CkptDialect.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace recast::ir::ckpt {

/// `type` with each `varying` step over `axis` (all of them: an empty one) replaced; by nothing for
/// a null step.
static ValueType withoutVarying(ValueType type, StringRef axis, Attribute instead) {
  LayoutAttr on = type.getOn();
  if (!on || !on.getSteps())
    return type;
  SmallVector<Attribute> steps;
  for (Attribute step : on.getSteps()) {
    auto varying = dyn_cast<VaryingAttr>(step);
    if (!varying || (!axis.empty() && varying.getBy() != axis))
      steps.push_back(step);
    else if (instead)
      steps.push_back(instead);
  }
  MLIRContext *context = type.getContext();
  return type.withOn(LayoutAttr::get(context, on.getMesh(), on.getAxes(),
                                     steps.empty() ? ArrayAttr() : ArrayAttr::get(context, steps)));
}

std::vector<std::string> varyingAxes(ValueType type) {
  layout::Layout layout = type.getLayout();
  std::vector<std::string> axes;
  for (const std::string &axis : layout.mesh.axes)
    if (llvm::is_contained(layout.steps, layout::Step(layout::Varying{axis})))
      axes.push_back(axis);
  return axes;
}

static LogicalResult verifyFloat(Operation *op, ValueType type) {
  if (info(type.getDType()).isFloat && recipe::castSupported(type.getDType(), DType::F64))
    return success();
  return op->emitOpError() << "there is no mean of " << type.getTensor().getElementType();
}

// ---- ckpt.select
LogicalResult SelectOp::inferReturnTypes(MLIRContext *context, std::optional<Location>,
                                         ValueRange operands, DictionaryAttr attributes,
                                         OpaqueProperties properties, RegionRange regions,
                                         SmallVectorImpl<Type> &types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  StringRef axis = adaptor.getAxis();
  int64_t at = adaptor.getCoordinateAttr().getInt();
  auto type = dyn_cast<ValueType>(operands.front().getType());
  if (!type) {
    types.push_back(operands.front().getType());
    return success();
  }
  // A coordinate outside the mesh has no type; the verifier says so in its own words.
  layout::Mesh mesh = type.getLayout().mesh;
  int index = mesh.axisIndex(axis.str());
  bool inside = index >= 0 && at >= 0 && at < mesh.sizes[index];
  types.push_back(
      withoutVarying(type, axis, StageAttr::get(context, axis, inside ? at : int64_t{0})));
  return success();
}

LogicalResult SelectOp::verify() {
  auto type = dyn_cast<ValueType>(getInput().getType());
  if (!type)
    return success(); // What the rule is applied to, binding knows.
  if (!llvm::is_contained(varyingAxes(type), getAxis().str()))
    return emitOpError() << "the operand does not vary along `" << getAxis() << "`";
  layout::Mesh mesh = type.getLayout().mesh;
  int64_t size = mesh.sizes[mesh.axisIndex(getAxis().str())];
  if (static_cast<int64_t>(getCoordinate()) >= size)
    return emitOpError() << "there is no coordinate " << getCoordinate() << " of `" << getAxis()
                         << "`, which has " << size;
  return success();
}

namespace {
/// A version of what was computed alike from all versions is computed from that version.
struct SelectOfCast : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op, PatternRewriter &rewriter) const override {
    auto cast = op.getInput().getDefiningOp<CastOp>();
    if (!cast)
      return failure();
    auto chosen = SelectOp::create(rewriter, op.getLoc(), cast.getInput(), op.getAxisAttr(),
                                   op.getCoordinateAttr());
    rewriter.replaceOpWithNewOp<CastOp>(op, chosen, cast.getTo(), cast.getOverflow());
    return success();
  }
};

struct SelectOfMean : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op, PatternRewriter &rewriter) const override {
    auto mean = op.getInput().getDefiningOp<MeanOp>();
    if (!mean)
      return failure();
    SmallVector<Value> chosen;
    for (Value value : mean.getValues())
      chosen.push_back(
          SelectOp::create(rewriter, op.getLoc(), value, op.getAxisAttr(), op.getCoordinateAttr()));
    rewriter.replaceOpWithNewOp<MeanOp>(op, op.getResult().getType(), chosen);
    return success();
  }
};
} // namespace

void SelectOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SelectOfCast, SelectOfMean>(context);
}

// ---- ckpt.average
LogicalResult AverageOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                          ValueRange operands, DictionaryAttr, OpaqueProperties,
                                          RegionRange, SmallVectorImpl<Type> &types) {
  auto type = dyn_cast<ValueType>(operands.front().getType());
  types.push_back(type ? Type(withoutVarying(type, "", {})) : operands.front().getType());
  return success();
}

LogicalResult AverageOp::verify() {
  auto type = dyn_cast<ValueType>(getInput().getType());
  if (!type)
    return success();
  if (varyingAxes(type).empty())
    return emitOpError("the operand is the same on all ranks");
  return verifyFloat(*this, type);
}

// ---- ckpt.mean
LogicalResult MeanOp::verify() {
  if (getValues().size() > std::numeric_limits<uint16_t>::max())
    return emitOpError() << "has " << getValues().size() << " operands";
  return verifyFloat(*this, getResult().getType());
}

} // namespace recast::ir::ckpt
