#include "dialect/Ckpt/CkptDialect.h"
#include "runtime/layout/NormalForm.h"
#include "runtime/layout/PackedShapes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

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

Value withoutReshards(Value value) {
  while (auto reshard = value.getDefiningOp<ReshardOp>())
    value = reshard.getInput();
  return value;
}

/// Taking apart what was packed by the same axes gives the parts, once they are whole.
struct UnmapOfMap : OpRewritePattern<UnmapOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnmapOp op, PatternRewriter &rewriter) const override {
    auto map = withoutReshards(op.getInput()).getDefiningOp<MapOp>();
    if (!map || map.getAxes() != op.getAxes())
      return failure();
    SmallVector<Value> parts;
    for (auto [part, result] : llvm::zip_equal(map.getParts(), op.getParts()))
      parts.push_back(rewriter.createOrFold<ReshardOp>(op.getLoc(), result.getType(), part));
    rewriter.replaceOp(op, parts);
    return success();
  }
};

/// Packing again what the same axes took apart gives the packed tensor, once it is whole.
struct MapOfUnmap : OpRewritePattern<MapOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MapOp op, PatternRewriter &rewriter) const override {
    UnmapOp unmap;
    for (auto [i, part] : llvm::enumerate(op.getParts())) {
      Value value = withoutReshards(part);
      auto source = value.getDefiningOp<UnmapOp>();
      if (!source || (unmap && source != unmap) || value != source.getResult(i))
        return failure();
      unmap = source;
    }
    if (!unmap || unmap.getAxes() != op.getAxes())
      return failure();
    rewriter.replaceOp(op, rewriter.createOrFold<ReshardOp>(op.getLoc(), op.getResult().getType(),
                                                            unmap.getInput()));
    return success();
  }
};

/// Axes that leave every element where it is.
bool isIdentity(AxesAttr axes) {
  std::vector<std::vector<int64_t>> shapes = axes.getPartShapes();
  if (shapes.size() != 1 || shapes.front() != layout::storedShape(axes.getAxisMap()))
    return false;
  return layout::normalForm({{}, axes.getAxisMap(), {}}, shapes) == layout::normalForm({}, shapes);
}

struct IdentityMap : OpRewritePattern<MapOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MapOp op, PatternRewriter &rewriter) const override {
    if (!isIdentity(op.getAxes()))
      return failure();
    rewriter.replaceOp(op, rewriter.createOrFold<ReshardOp>(op.getLoc(), op.getResult().getType(),
                                                            op.getParts().front()));
    return success();
  }
};

struct IdentityUnmap : OpRewritePattern<UnmapOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnmapOp op, PatternRewriter &rewriter) const override {
    if (!isIdentity(op.getAxes()))
      return failure();
    rewriter.replaceOp(op, rewriter.createOrFold<ReshardOp>(
                               op.getLoc(), op.getParts().front().getType(), op.getInput()));
    return success();
  }
};

/// A cast that rounds nothing need not stand before another one.
struct CastOfExactCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    auto before = op.getInput().getDefiningOp<CastOp>();
    if (!before || !isa<ValueType>(op.getResult().getType()))
      return failure();
    DType from = cast<ValueType>(before.getInput().getType()).getDType();
    DType between = before.getTargetDType(), to = op.getTargetDType();
    if (!recipe::castsAsOne(from, between, to))
      return failure();
    auto family = op->getParentOfType<FamilyOp>();
    remark::passed(op.getLoc(), remark::RemarkOpts::name("CastOfExactCast")
                                    .category("ckpt-normalize")
                                    .function(family ? family.getSymName() : "(no family)"))
        << llvm::formatv("{0} -> {1} -> {2} is one cast: the first rounds nothing", name(from),
                         name(between), name(to))
               .str();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(before.getInput()); });
    return success();
  }
};
} // namespace

void ReshardOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ReshardOfReshard>(context);
}

void UnmapOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<UnmapOfMap, IdentityUnmap>(context);
}

void MapOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<MapOfUnmap, IdentityMap>(context);
}

void CastOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<CastOfExactCast>(context);
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  // Rounding twice is not rounding once, and even a way there and back over a wider type makes
  // signalling NaNs quiet. In declared IR the type of a state is not known.
  auto result = dyn_cast<ValueType>(getResult().getType());
  return result && getInput().getType() == result ? OpFoldResult(getInput()) : OpFoldResult();
}

} // namespace recast::ir::ckpt
