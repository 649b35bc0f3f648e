#include "compiler/Transforms/Passes.h"
#include "runtime/recipe/CastChain.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {

#define GEN_PASS_DEF_CKPTNORMALIZE
#include "compiler/Transforms/Passes.h.inc"

namespace {

constexpr StringRef kCategory = "ckpt-normalize";

remark::detail::InFlightRemark applied(Operation *op, StringRef rewrite) {
  auto family = op->getParentOfType<ckpt::FamilyOp>();
  return remark::passed(op->getLoc(),
                        remark::RemarkOpts::name(rewrite).category(kCategory).function(
                            family ? family.getSymName() : StringRef("(no family)")));
}

ckpt::CastOp castLike(PatternRewriter &rewriter, ckpt::CastOp cast, Value input) {
  return ckpt::CastOp::create(rewriter, cast.getLoc(), input, cast.getTo(), cast.getOverflow());
}

/// reshard(cast(x)) -> cast(reshard(x))
struct SinkCastBelowReshard : OpRewritePattern<ckpt::ReshardOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ckpt::ReshardOp op, PatternRewriter &rewriter) const override {
    auto cast = op.getInput().getDefiningOp<ckpt::CastOp>();
    if (!cast)
      return failure();
    applied(op, "SinkCastBelowReshard") << "a cast sinks below a reshard";
    auto from = llvm::cast<ckpt::ValueType>(cast.getInput().getType());
    auto moved = ckpt::ReshardOp::create(
        rewriter, op.getLoc(), from.withOn(op.getResult().getType().getOn()), cast.getInput());
    rewriter.replaceOp(op, castLike(rewriter, cast, moved));
    return success();
  }
};

/// map(cast(a), cast(b)) -> cast(map(a, b)), where all casts are the same
struct SinkCastsBelowMap : OpRewritePattern<ckpt::MapOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ckpt::MapOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> inputs;
    ckpt::CastOp first;
    for (Value part : op.getParts()) {
      auto cast = part.getDefiningOp<ckpt::CastOp>();
      if (!cast)
        return failure();
      if (!first)
        first = cast;
      auto element = [](ckpt::CastOp op) {
        return llvm::cast<ckpt::ValueType>(op.getInput().getType()).getDType();
      };
      if (cast->getAttrDictionary() != first->getAttrDictionary() ||
          element(cast) != element(first))
        return failure();
      inputs.push_back(cast.getInput());
    }
    applied(op, "SinkCastsBelowMap") << "the casts of all parts sink below a map";
    auto from = llvm::cast<ckpt::ValueType>(inputs.front().getType());
    Type packed = op.getResult().getType().withElementType(from.getTensor().getElementType());
    auto moved = ckpt::MapOp::create(rewriter, op.getLoc(), packed, inputs, op.getAxes());
    rewriter.replaceOp(op, castLike(rewriter, first, moved));
    return success();
  }
};

/// unmap(cast(x)) -> casts of unmap(x)
struct SinkCastBelowUnmap : OpRewritePattern<ckpt::UnmapOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ckpt::UnmapOp op, PatternRewriter &rewriter) const override {
    auto cast = op.getInput().getDefiningOp<ckpt::CastOp>();
    if (!cast)
      return failure();
    applied(op, "SinkCastBelowUnmap") << "a cast sinks below an unmap";
    auto from = llvm::cast<ckpt::ValueType>(cast.getInput().getType());
    SmallVector<Type> types;
    for (Type part : op.getParts().getTypes())
      types.push_back(
          llvm::cast<ckpt::ValueType>(part).withElementType(from.getTensor().getElementType()));
    auto moved = ckpt::UnmapOp::create(rewriter, op.getLoc(), types, cast.getInput(), op.getAxes());
    SmallVector<Value> parts;
    for (Value part : moved.getParts())
      parts.push_back(castLike(rewriter, cast, part));
    rewriter.replaceOp(op, parts);
    return success();
  }
};

/// A map sees its operands globally: where they lay before does not matter.
template <typename Op> struct DropReshardBeforeMap : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    bool found = false;
    for (OpOperand &operand : op->getOpOperands())
      if (auto reshard = operand.get().template getDefiningOp<ckpt::ReshardOp>()) {
        found = true;
        rewriter.modifyOpInPlace(op, [&] { operand.set(reshard.getInput()); });
      }
    if (found)
      applied(op, "DropReshardBeforeMap") << "a reshard before a map is dropped";
    return success(found);
  }
};

/// Says of every cast that stays before another one why it does.
void explainCastsThatStay(ckpt::CastOp op) {
  auto before = op.getInput().getDefiningOp<ckpt::CastOp>();
  auto family = op->getParentOfType<ckpt::FamilyOp>();
  auto from = before ? dyn_cast<ckpt::ValueType>(before.getInput().getType()) : ckpt::ValueType();
  if (!from || !family)
    return;
  remark::missed(
      op.getLoc(),
      remark::RemarkOpts::name("CastOfExactCast").category(kCategory).function(family.getSymName()))
      << recipe::whyNotOneCast(from.getDType(), before.getTargetDType(), op.getTargetDType());
}

class CkptNormalize : public impl::CkptNormalizeBase<CkptNormalize> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet patterns(context);
    patterns.add<SinkCastBelowReshard, SinkCastsBelowMap, SinkCastBelowUnmap,
                 DropReshardBeforeMap<ckpt::MapOp>, DropReshardBeforeMap<ckpt::UnmapOp>>(context);
    ckpt::ReshardOp::getCanonicalizationPatterns(patterns, context);
    ckpt::UnmapOp::getCanonicalizationPatterns(patterns, context);
    ckpt::MapOp::getCanonicalizationPatterns(patterns, context);
    ckpt::CastOp::getCanonicalizationPatterns(patterns, context);
    patterns_ = std::move(patterns);
    return success();
  }

  void runOnOperation() override {
    if (failed(applyPatternsGreedily(getOperation(), patterns_)))
      return signalPassFailure();
    if (getContext().getRemarkEngine())
      getOperation()->walk(explainCastsThatStay);
  }

  FrozenRewritePatternSet patterns_;
};

} // namespace
} // namespace recast::compiler
