// Where checkpoint values meet tensors with the shardings of MLIR's shard dialect.
#include "dialect/Ckpt/CkptDialect.h"
#include "runtime/layout/NormalForm.h"

#include "mlir/Dialect/Shard/IR/ShardOps.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace recast::ir::ckpt {

Type shardingType(MLIRContext *context) { return shard::ShardingType::get(context); }
bool isSharding(Type type) { return isa<shard::ShardingType>(type); }

/// The layout that a sharding gives a tensor of `shape`; axis i of the grid is mesh axis g<i>.
static FailureOr<layout::Layout> layoutOf(Operation *op, shard::ShardingOp sharding,
                                          shard::GridOp grid, ArrayRef<int64_t> shape) {
  layout::Layout out;
  for (auto [i, size] : llvm::enumerate(grid.getShape())) {
    if (ShapedType::isDynamic(size))
      return op->emitOpError() << "the size of axis " << i << " of grid @" << grid.getSymName()
                               << " is not static";
    out.mesh.axes.push_back("g" + std::to_string(i));
    out.mesh.sizes.push_back(size);
  }
  if (!sharding.getStaticHaloSizes().empty())
    return op->emitOpError("the sharding has halos, which a checkpoint does not hold");
  ArrayRef<int64_t> offsets = sharding.getStaticShardedDimsOffsets();
  if (llvm::is_contained(offsets, ShapedType::kDynamic))
    return op->emitOpError("the offsets of the sharding are not static");
  if (sharding.getSplitAxes().size() > shape.size())
    return op->emitOpError() << "the sharding splits " << sharding.getSplitAxes().size()
                             << " dimensions of a tensor of " << shape.size();
  for (auto [dim, axes] : llvm::enumerate(sharding.getSplitAxes().getAxes())) {
    if (axes.empty())
      continue;
    layout::Split split;
    split.axes = {"d" + std::to_string(dim)};
    int64_t ways = 1;
    for (int16_t axis : axes.asArrayRef()) {
      if (axis < 0 || static_cast<size_t>(axis) >= out.mesh.axes.size())
        return op->emitOpError() << "grid @" << grid.getSymName() << " has no axis " << axis;
      split.by.push_back(out.mesh.axes[axis]);
      ways *= out.mesh.sizes[axis];
    }
    if (!offsets.empty()) {
      if (static_cast<int64_t>(offsets.size()) < ways + 1 || offsets.front() != 0)
        return op->emitOpError() << "dimension " << dim << " needs " << ways + 1
                                 << " offsets, the first of them 0";
      split.rule = layout::SplitRule::Widths;
      for (int64_t q = 0; q < ways; ++q)
        split.widths.push_back(offsets[q + 1] - offsets[q]);
      offsets = offsets.drop_front(ways + 1);
    }
    out.steps.push_back(std::move(split));
  }
  if (!offsets.empty())
    return op->emitOpError("the sharding has more offsets than its splits need");
  if (auto status = layout::verify(out, {shape.vec()}); !status)
    return op->emitOpError() << "the sharding does not fit the tensor: "
                             << status.error().message();
  return out;
}

/// A signless integer of a program stands for the signed one of a checkpoint.
static bool sameElements(Type program, Type stored) {
  if (program == stored)
    return true;
  auto integer = dyn_cast<IntegerType>(program), known = dyn_cast<IntegerType>(stored);
  return integer && known && integer.isSignless() && known.isSigned() &&
         integer.getWidth() == known.getWidth();
}

static LogicalResult verifyEdge(Operation *op, RankedTensorType tensor, ValueType value,
                                Value sharding, SymbolTableCollection &symbols) {
  if (!tensor || tensor.getEncoding())
    return op->emitOpError("the tensor has a rank and no encoding");
  if (tensor.getShape() != value.getShape() ||
      !sameElements(tensor.getElementType(), value.getTensor().getElementType()))
    return op->emitOpError() << tensor << " is not " << value.getTensor();
  auto definition = sharding.getDefiningOp<shard::ShardingOp>();
  if (!definition)
    return op->emitOpError("the sharding is given by a shard.sharding");
  auto grid = symbols.lookupNearestSymbolFrom<shard::GridOp>(op, definition.getGridAttr());
  if (!grid)
    return op->emitOpError() << "there is no shard.grid " << definition.getGridAttr();
  FailureOr<layout::Layout> given = layoutOf(op, definition, grid, tensor.getShape());
  if (failed(given))
    return failure();
  std::vector<std::vector<int64_t>> shapes = {tensor.getShape().vec()};
  layout::Layout on = value.getLayout();
  if (on.axes.partCount() != 1)
    return op->emitOpError("a packed tensor has no sharding; reshard it first");
  layout::Layout wanted = layout::normalForm(*given, shapes),
                 known = layout::normalForm(on, shapes);
  if (wanted != known)
    return op->emitOpError() << "the sharding says `" << given->str() << "`, the value lies `"
                             << on.str() << "`";
  return success();
}

LogicalResult ImportOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyEdge(*this, dyn_cast<RankedTensorType>(getTensor().getType()), getValue().getType(),
                    getSharding(), symbols);
}

LogicalResult ExportOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyEdge(*this, dyn_cast<RankedTensorType>(getTensor().getType()), getValue().getType(),
                    getSharding(), symbols);
}

namespace {
/// What left and came back has at most changed the spelling of its layout.
struct ImportOfExport : OpRewritePattern<ImportOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ImportOp op, PatternRewriter &rewriter) const override {
    auto before = op.getTensor().getDefiningOp<ExportOp>();
    if (!before || before.getValue().getType().getTensor() != op.getValue().getType().getTensor())
      return failure();
    rewriter.replaceOp(op, rewriter.createOrFold<ReshardOp>(op.getLoc(), op.getValue().getType(),
                                                            before.getValue()));
    return success();
  }
};

struct ExportOfImport : OpRewritePattern<ExportOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ExportOp op, PatternRewriter &rewriter) const override {
    auto before = op.getValue().getDefiningOp<ImportOp>();
    if (!before || before.getTensor().getType() != op.getTensor().getType() ||
        before.getSharding() != op.getSharding())
      return failure();
    rewriter.replaceOp(op, before.getTensor());
    return success();
  }
};
} // namespace

void ImportOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ImportOfExport>(context);
}

void ExportOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ExportOfImport>(context);
}

} // namespace recast::ir::ckpt
