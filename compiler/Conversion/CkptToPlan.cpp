#include "compiler/Conversion/Passes.h"
#include "compiler/Conversion/RegionToRecipe.h"
#include "dialect/Ckpt/MemberTable.h"
#include "runtime/layout/PackedShapes.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {

#define GEN_PASS_DEF_CONVERTCKPTTOPLAN
#include "compiler/Conversion/Passes.h.inc"

namespace {

/// The layouts and targets of a module by what families call them.
class Tables {
public:
  explicit Tables(ModuleOp module) : module_(module) {
    for (plan::LayoutOp op : module.getOps<plan::LayoutOp>()) {
      layouts_.try_emplace(op.getText(), layoutCount_);
      lastLayout_ = op;
      ++layoutCount_;
    }
    uint32_t index = 0;
    for (plan::TargetOp op : module.getOps<plan::TargetOp>())
      targets_.try_emplace(op.getName(), index++);
  }

  /// Index of a layout; adds it where it is missing.
  uint32_t layout(const layout::Layout &wanted) {
    std::string text = wanted.str();
    auto [entry, isNew] = layouts_.try_emplace(text, layoutCount_);
    if (isNew) {
      OpBuilder builder(module_.getContext());
      if (lastLayout_)
        builder.setInsertionPointAfter(lastLayout_);
      else
        builder.setInsertionPointToStart(module_.getBody());
      lastLayout_ = plan::LayoutOp::create(builder, module_.getLoc(), builder.getStringAttr(text));
      ++layoutCount_;
    }
    return entry->second;
  }

  std::optional<uint32_t> target(StringRef name) const {
    auto found = targets_.find(name);
    return found == targets_.end() ? std::nullopt : std::optional(found->second);
  }

private:
  ModuleOp module_;
  llvm::StringMap<uint32_t> layouts_, targets_;
  Operation *lastLayout_ = nullptr;
  uint32_t layoutCount_ = 0;
};

/// A plan's family has one logical tensor per member: a part of a packed one, not all of it.
LogicalResult verifyOneTensor(ckpt::FamilyOp family, ckpt::ValueType type, const Twine &what) {
  if (!type.getOn() || !type.getOn().getAxes())
    return success();
  layout::AxisMap axes = type.getOn().getAxes().getAxisMap();
  if (axes.partCount() > 1 && !llvm::is_contained(layout::partShapes(axes), type.getShape().vec()))
    return family.emitOpError() << what
                                << " packs several logical tensors; a plan's family holds "
                                   "one per member";
  return success();
}

/// The table with the columns of the inputs that are loaded, in their order.
DenseResourceElementsAttr withInputs(ckpt::FamilyOp family, const ckpt::MemberTable &table,
                                     ArrayRef<size_t> inputs) {
  ckpt::MemberColumns before{family.getInputs().size(), family.getTargets().size()};
  if (inputs.size() == before.inputs && llvm::is_sorted(inputs))
    return family.getMembers();
  ckpt::MemberColumns after{inputs.size(), before.outputs};
  std::vector<int64_t> rows;
  rows.reserve(table.size() * after.count());
  for (size_t m = 0; m < table.size(); ++m) {
    ArrayRef<int64_t> row = table.row(m);
    rows.push_back(row[0]);
    for (size_t input : inputs)
      llvm::append_range(rows, row.slice(before.store(input), ckpt::MemberColumns::kPerInput));
    llvm::append_range(rows, row.drop_front(before.firstOutput()));
  }
  return ckpt::makeMemberTable(family.getContext(), family.getSymName(), after.count(),
                               std::move(rows));
}

LogicalResult convert(ckpt::FamilyOp family, Tables &tables) {
  auto table = ckpt::MemberTable::read(family);
  if (!table)
    return family.emitOpError("has no member table: the resource is missing, has another size than "
                              "its type says, or is not aligned to 8 bytes");
  FailureOr<FamilyRecipe> recipe = recipeOf(family);
  if (failed(recipe))
    return failure();

  MLIRContext *context = family.getContext();
  SmallVector<Attribute> inputs, outputs;
  for (size_t input : recipe->inputs) {
    auto type = cast<ckpt::ValueType>(family.getInputs()[input].getType());
    if (failed(verifyOneTensor(family, type, "input " + Twine(input))))
      return failure();
    inputs.push_back(
        plan::InputAttr::get(context, type.getDType(), tables.layout(type.getLayout())));
  }
  for (auto [output, value] : llvm::enumerate(family.getYield().getValues())) {
    auto type = cast<ckpt::ValueType>(value.getType());
    if (failed(verifyOneTensor(family, type, "output " + Twine(output))))
      return failure();
    if (type.getShape() != family.getShape())
      return family.emitOpError() << "output " << output << " has another shape than the members";
    StringRef name = cast<FlatSymbolRefAttr>(family.getTargets()[output]).getValue();
    std::optional<uint32_t> target = tables.target(name);
    if (!target)
      return family.emitOpError() << "output " << output << " goes to @" << name
                                  << ", which no plan.target is called";
    outputs.push_back(
        plan::OutputAttr::get(context, type.getDType(), tables.layout(type.getLayout()), *target));
  }

  OpBuilder builder(family);
  plan::FamilyOp::create(builder, family.getLoc(), family.getSymNameAttr(),
                         builder.getDenseI64ArrayAttr(family.getShape()),
                         builder.getArrayAttr(inputs), builder.getArrayAttr(outputs),
                         builder.getStringAttr(recipe->recipe.str()),
                         withInputs(family, *table, recipe->inputs));
  family.erase();
  return success();
}

class ConvertCkptToPlan : public impl::ConvertCkptToPlanBase<ConvertCkptToPlan> {
  void runOnOperation() override {
    Tables tables(getOperation());
    for (auto family : llvm::make_early_inc_range(getOperation().getOps<ckpt::FamilyOp>()))
      if (failed(convert(family, tables)))
        return signalPassFailure();
  }
};

} // namespace
} // namespace recast::compiler
