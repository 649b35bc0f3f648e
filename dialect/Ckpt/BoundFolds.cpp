#include "dialect/Ckpt/CkptDialect.h"

using namespace mlir;

namespace recast::ir::ckpt {

OpFoldResult ReshardOp::fold(FoldAdaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  auto before = getInput().getDefiningOp<ReshardOp>();
  if (before && before.getInput().getType() == getResult().getType())
    return before.getInput();
  return {};
}

namespace {
/// A value that went somewhere and then elsewhere may go there at once.
struct ReshardOfReshard : OpRewritePattern<ReshardOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshardOp op, PatternRewriter &rewriter) const override {
    auto before = op.getInput().getDefiningOp<ReshardOp>();
    if (!before)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(before.getInput()); });
    return success();
  }
};

/// Taking apart what was packed by the same axes gives the parts, once they are whole.
struct UnmapOfMap : OpRewritePattern<UnmapOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnmapOp op, PatternRewriter &rewriter) const override {
    Value input = op.getInput();
    while (auto reshard = input.getDefiningOp<ReshardOp>())
      input = reshard.getInput();
    auto map = input.getDefiningOp<MapOp>();
    if (!map || map.getAxes() != op.getAxes())
      return failure();
    SmallVector<Value> parts;
    for (auto [part, result] : llvm::zip_equal(map.getParts(), op.getParts()))
      parts.push_back(rewriter.createOrFold<ReshardOp>(op.getLoc(), result.getType(), part));
    rewriter.replaceOp(op, parts);
    return success();
  }
};
} // namespace

void ReshardOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ReshardOfReshard>(context);
}

void UnmapOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<UnmapOfMap>(context);
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  // Nothing else folds: rounding twice is not rounding once, and even a way there and back over a
  // wider type makes signalling NaNs quiet. In declared IR the type of a state is not known.
  auto result = dyn_cast<ValueType>(getResult().getType());
  return result && getInput().getType() == result ? OpFoldResult(getInput()) : OpFoldResult();
}

} // namespace recast::ir::ckpt
