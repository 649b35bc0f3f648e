#include "compiler/Bind/Emit.h"

#include "dialect/Ckpt/CkptDialect.h"
#include "dialect/Ckpt/MemberTable.h"

#include "mlir/IR/Builders.h"

namespace recast::compiler {
namespace {

using namespace recast::ir;

class Emitter {
public:
  Emitter(mlir::ModuleOp module, const Job &job, const std::vector<layout::Layout> &layouts)
      : context_(module.getContext()), builder_(module.getBodyRegion()), job_(job),
        layouts_(layouts) {
    builder_.setInsertionPointToEnd(module.getBody());
  }

  void emit(FamilyDraft draft) {
    llvm::SmallVector<mlir::Type> inputs;
    llvm::SmallVector<llvm::StringRef> roles, targets;
    std::vector<std::string> names;
    for (const DraftInput &input : draft.inputs) {
      inputs.push_back(ckpt::ValueType::get(context_,
                                            input.isScalar ? std::vector<int64_t>() : draft.shape,
                                            input.dtype, on(input.layout)));
      roles.push_back(input.role.str());
    }
    for (const DraftOutput &output : draft.outputs)
      names.push_back(job_.targets[output.target].planName());
    targets.append(names.begin(), names.end());
    size_t columns = draft.rows.size() / static_cast<size_t>(draft.memberCount);
    auto members = ckpt::makeMemberTable(context_, draft.name, columns, std::move(draft.rows));
    auto family =
        ckpt::FamilyOp::create(builder_, job_.loc, draft.name, roles, targets, members, inputs);

    mlir::OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToEnd(&family.getBlock());
    llvm::SmallVector<mlir::Value> results;
    for (const DraftOutput &output : draft.outputs) {
      mlir::Value value = family.getInputs()[output.input];
      if (output.prediction)
        value = ahead(family, value, *output.prediction);
      for (const ChainStep &step : output.chain)
        value = after(value, step);
      results.push_back(lying(value, output.layout));
    }
    if (draft.checked) {
      mlir::Value master =
          castTo(family.getInputs()[0], {draft.inputs[draft.weight].dtype, recipe::Overflow::Ieee});
      ckpt::CheckEqualOp::create(builder_, job_.loc, toWhole(master),
                                 toWhole(family.getInputs()[draft.weight]));
    }
    ckpt::YieldOp::create(builder_, job_.loc, results);
  }

private:
  ckpt::LayoutAttr on(uint32_t layout) {
    if (layout == plan::kNone || layouts_[layout].isWhole())
      return {};
    return ckpt::LayoutAttr::get(context_, layouts_[layout]);
  }

  mlir::Value after(mlir::Value value, const ChainStep &step) {
    if (const auto *cast = std::get_if<CastStep>(&step))
      return castTo(value, *cast);
    if (const auto *select = std::get_if<SelectStep>(&step))
      return ckpt::SelectOp::create(builder_, job_.loc, value, builder_.getStringAttr(select->axis),
                                    builder_.getI64IntegerAttr(select->coordinate));
    return ckpt::AverageOp::create(builder_, job_.loc, value);
  }

  mlir::Value ahead(ckpt::FamilyOp family, mlir::Value weights, const DraftPrediction &prediction) {
    auto inputs = [&](const std::vector<uint32_t> &indices) {
      llvm::SmallVector<mlir::Value> out;
      for (uint32_t index : indices)
        out.push_back(family.getInputs()[index]);
      return out;
    };
    return ckpt::ExtrapolateOp::create(builder_, job_.loc, weights.getType(), prediction.direction,
                                       weights, inputs(prediction.states),
                                       inputs(prediction.scalars));
  }

  mlir::Value castTo(mlir::Value value, const CastStep &cast) {
    if (llvm::cast<ckpt::ValueType>(value.getType()).getDType() == cast.type)
      return value;
    std::optional<ckpt::Overflow> overflow;
    if (cast.overflow != recipe::Overflow::Ieee)
      overflow = static_cast<ckpt::Overflow>(cast.overflow);
    return ckpt::CastOp::create(builder_, job_.loc, value, cast.type, overflow);
  }

  mlir::Value lying(mlir::Value value, const layout::Layout &layout) {
    auto type = llvm::cast<ckpt::ValueType>(value.getType());
    auto on = ckpt::LayoutAttr::get(context_, layout);
    return type.getOn() == on ? value
                              : ckpt::ReshardOp::create(builder_, job_.loc, type.withOn(on), value);
  }
  mlir::Value toWhole(mlir::Value value) { return lying(value, {}); }

  mlir::MLIRContext *context_;
  mlir::OpBuilder builder_;
  const Job &job_;
  const std::vector<layout::Layout> &layouts_;
};

} // namespace

void emitFamilies(mlir::ModuleOp module, const Job &job, const std::vector<layout::Layout> &layouts,
                  std::vector<FamilyDraft> drafts) {
  Emitter emitter(module, job, layouts);
  for (FamilyDraft &draft : drafts)
    emitter.emit(std::move(draft));
}

} // namespace recast::compiler
