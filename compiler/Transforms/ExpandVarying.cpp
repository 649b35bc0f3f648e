#include "compiler/Transforms/Passes.h"
#include "dialect/Ckpt/MemberTable.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {

#define GEN_PASS_DEF_CKPTEXPANDVARYING
#include "compiler/Transforms/Passes.h.inc"

namespace {

/// average(x) -> mean of the versions of x in rank order
struct AverageToMean : OpRewritePattern<ckpt::AverageOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ckpt::AverageOp op, PatternRewriter &rewriter) const override {
    auto type = cast<ckpt::ValueType>(op.getInput().getType());
    layout::Mesh mesh = type.getLayout().mesh;
    SmallVector<Value> versions{op.getInput()};
    for (const std::string &axis : ckpt::varyingAxes(type)) {
      SmallVector<Value> next;
      for (Value version : versions)
        for (int64_t at = 0; at < mesh.sizes[mesh.axisIndex(axis)]; ++at)
          next.push_back(ckpt::SelectOp::create(rewriter, op.getLoc(), version,
                                                rewriter.getStringAttr(axis),
                                                rewriter.getI64IntegerAttr(at)));
      versions = std::move(next);
    }
    Type result = op.getResult().getType();
    for (Value &version : versions)
      version = rewriter.createOrFold<ckpt::ReshardOp>(op.getLoc(), result, version);
    rewriter.replaceOpWithNewOp<ckpt::MeanOp>(op, result, versions);
    return success();
  }
};

/// The input that a chain of selects ends in, if the chain leaves nothing varying.
std::optional<unsigned> selectedInput(ckpt::SelectOp op) {
  if (!ckpt::varyingAxes(cast<ckpt::ValueType>(op.getResult().getType())).empty())
    return std::nullopt;
  Value value = op.getInput();
  while (auto before = value.getDefiningOp<ckpt::SelectOp>())
    value = before.getInput();
  auto argument = dyn_cast<BlockArgument>(value);
  return argument ? std::optional(argument.getArgNumber()) : std::nullopt;
}

class CkptExpandVarying : public impl::CkptExpandVaryingBase<CkptExpandVarying> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet patterns(context);
    patterns.add<AverageToMean>(context);
    ckpt::SelectOp::getCanonicalizationPatterns(patterns, context);
    patterns_ = std::move(patterns);
    return success();
  }

  void runOnOperation() override {
    ckpt::FamilyOp family = getOperation();
    auto isVarying = [](Value value) {
      auto type = dyn_cast<ckpt::ValueType>(value.getType());
      return type && !ckpt::varyingAxes(type).empty();
    };
    if (llvm::none_of(family.getInputs(), isVarying))
      return;
    if (failed(applyPatternsGreedily(family, patterns_)))
      return signalPassFailure();
    auto table = ckpt::MemberTable::read(family);
    if (!table) {
      family.emitOpError("has no member table to copy columns of");
      return signalPassFailure();
    }
    loadVersions(family, *table);
  }

  static void loadVersions(ckpt::FamilyOp family, const ckpt::MemberTable &table) {
    ckpt::MemberColumns before{family.getInputs().size(), family.getTargets().size()};
    SmallVector<Attribute> roles(family.getRoles().getValue());
    SmallVector<unsigned> copied; // per new input, the one whose columns it has
    DenseMap<std::pair<unsigned, Type>, Value> known;
    for (auto op : llvm::make_early_inc_range(family.getBlock().getOps<ckpt::SelectOp>())) {
      auto input = selectedInput(op);
      if (!input)
        continue;
      Value &version = known[{*input, op.getResult().getType()}];
      if (!version) {
        version = family.getBlock().addArgument(op.getResult().getType(), op.getLoc());
        roles.push_back(family.getRoles()[*input]);
        copied.push_back(*input);
      }
      op.getResult().replaceAllUsesWith(version);
    }
    if (copied.empty())
      return;
    // Selects in between end in nothing now; the last of a chain goes first.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(family.getBlock())))
      if (isa<ckpt::SelectOp>(op) && op.use_empty())
        op.erase();
    ckpt::MemberColumns after{before.inputs + copied.size(), before.outputs};
    std::vector<int64_t> rows;
    rows.reserve(table.size() * after.count());
    for (size_t member = 0; member < table.size(); ++member) {
      ArrayRef<int64_t> row = table.row(member);
      llvm::append_range(rows, row.take_front(before.firstOutput()));
      for (unsigned input : copied)
        llvm::append_range(rows, row.slice(before.store(input), ckpt::MemberColumns::kPerInput));
      llvm::append_range(rows, row.drop_front(before.firstOutput()));
    }
    family.setRolesAttr(ArrayAttr::get(family.getContext(), roles));
    family.setMembersAttr(ckpt::makeMemberTable(family.getContext(), family.getSymName(),
                                                after.count(), std::move(rows)));
  }

  FrozenRewritePatternSet patterns_;
};

} // namespace
} // namespace recast::compiler
