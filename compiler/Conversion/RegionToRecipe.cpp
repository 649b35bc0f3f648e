#include "compiler/Conversion/RegionToRecipe.h"

using namespace mlir;
using namespace recast::ir;

namespace recast::compiler {
namespace {

class Builder {
public:
  explicit Builder(ckpt::FamilyOp family) : family_(family) {}

  FailureOr<FamilyRecipe> run() {
    if (failed(findInputs()))
      return failure();
    for (Operation &op : family_.getBlock())
      if (auto check = dyn_cast<ckpt::CheckEqualOp>(op))
        if (failed(addCheck(check)))
          return failure();
    ckpt::YieldOp yield = family_.getYield();
    std::vector<uint16_t> stored;
    for (Value value : yield.getValues()) {
      FailureOr<uint16_t> node = nodeOf(value);
      if (failed(node))
        return failure();
      stored.push_back(*node);
    }
    for (auto [slot, node] : llvm::enumerate(stored))
      if (!add({recipe::Op::Store, out_.recipe.nodes[node].type, recipe::Overflow::Ieee, node, 0,
                static_cast<uint16_t>(slot)}))
        return tooLong();
    if (auto status = recipe::verify(out_.recipe); !status)
      return family_.emitOpError() << "has no recipe: " << status.error().message();
    return std::move(out_);
  }

private:
  LogicalResult tooLong() {
    return family_.emitOpError() << "is longer than the " << recipe::kMaxNodes
                                 << " nodes that a recipe may have";
  }

  bool add(const recipe::Node &node) {
    if (out_.recipe.nodes.size() >= recipe::kMaxNodes)
      return false;
    out_.recipe.nodes.push_back(node);
    return true;
  }

  /// What stays of a value once addressing is taken away: an argument or a cast that changes the
  /// type. Null after an error.
  Value withoutAddressing(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (auto reshard = dyn_cast<ckpt::ReshardOp>(op)) {
        value = reshard.getInput();
        continue;
      }
      auto cast = dyn_cast<ckpt::CastOp>(op);
      if (!cast) {
        op->emitOpError("stands between a load and a store; a recipe works on the elements of one "
                        "tensor and cannot say this");
        return {};
      }
      if (cast.getInput().getType() != cast.getResult().getType())
        return value;
      value = cast.getInput();
    }
    return value;
  }

  /// Loads of the arguments that a check or a store depends on, in their order.
  LogicalResult findInputs() {
    llvm::SmallPtrSet<void *, 8> needed;
    SmallVector<Value> open(family_.getYield().getValues());
    for (auto check : family_.getBlock().getOps<ckpt::CheckEqualOp>())
      llvm::append_range(open, check->getOperands());
    llvm::SmallPtrSet<void *, 8> seen;
    while (!open.empty()) {
      Value value = withoutAddressing(open.pop_back_val());
      if (!value)
        return failure();
      if (!seen.insert(value.getAsOpaquePointer()).second)
        continue;
      if (auto cast = value.getDefiningOp<ckpt::CastOp>())
        open.push_back(cast.getInput());
      else
        needed.insert(value.getAsOpaquePointer());
    }
    for (BlockArgument argument : family_.getInputs()) {
      if (!needed.contains(argument.getAsOpaquePointer()))
        continue;
      auto slot = static_cast<uint16_t>(out_.inputs.size());
      nodes_[argument] = slot;
      out_.inputs.push_back(argument.getArgNumber());
      auto type = cast<ckpt::ValueType>(argument.getType());
      if (!add({recipe::Op::Load, type.getDType(), recipe::Overflow::Ieee, 0, 0, slot}))
        return tooLong();
    }
    return success();
  }

  FailureOr<uint16_t> nodeOf(Value value) {
    // Chains are as long as their text; a stack of casts, not recursion.
    SmallVector<ckpt::CastOp> casts;
    Value source = withoutAddressing(value);
    while (source && !nodes_.count(source)) {
      auto cast = source.getDefiningOp<ckpt::CastOp>();
      casts.push_back(cast);
      source = withoutAddressing(cast.getInput());
    }
    if (!source)
      return failure();
    uint16_t node = nodes_.at(source);
    for (ckpt::CastOp cast : llvm::reverse(casts)) {
      recipe::Node wanted{
          recipe::Op::Cast, cast.getTargetDType(), cast.getRecipeOverflow(), node, 0, 0};
      auto known = llvm::find(out_.recipe.nodes, wanted);
      if (known == out_.recipe.nodes.end()) {
        if (!add(wanted))
          return tooLong();
        known = std::prev(out_.recipe.nodes.end());
      }
      node = static_cast<uint16_t>(known - out_.recipe.nodes.begin());
      nodes_[cast.getResult()] = node;
    }
    return node;
  }

  LogicalResult addCheck(ckpt::CheckEqualOp check) {
    FailureOr<uint16_t> lhs = nodeOf(check.getLhs()), rhs = nodeOf(check.getRhs());
    if (failed(lhs) || failed(rhs))
      return failure();
    if (!add({recipe::Op::CheckEqual, out_.recipe.nodes[*lhs].type, recipe::Overflow::Ieee, *lhs,
              *rhs, 0}))
      return tooLong();
    return success();
  }

  ckpt::FamilyOp family_;
  FamilyRecipe out_;
  llvm::DenseMap<Value, uint16_t> nodes_;
};

} // namespace

FailureOr<FamilyRecipe> recipeOf(ckpt::FamilyOp family) { return Builder(family).run(); }

} // namespace recast::compiler
