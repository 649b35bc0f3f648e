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
  /// Index of a node; nothing where the recipe became too long for it.
  using Node = std::optional<uint16_t>;

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

  /// What stays of a value once addressing is taken away: an argument, a cast that changes the
  /// type, a mean or an extrapolation. Null after an error.
  Value withoutAddressing(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (auto reshard = dyn_cast<ckpt::ReshardOp>(op)) {
        value = reshard.getInput();
        continue;
      }
      if (isa<ckpt::MeanOp, ckpt::ExtrapolateOp>(op))
        return value;
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

  /// Loads of the arguments that a check or a store depends on, in their order, and after them the
  /// scalars.
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
      if (Operation *op = value.getDefiningOp())
        llvm::append_range(open, op->getOperands());
      else
        needed.insert(value.getAsOpaquePointer());
    }
    llvm::SmallPtrSet<void *, 8> scalars;
    for (auto ahead : family_.getBlock().getOps<ckpt::ExtrapolateOp>())
      for (Value scalar : ahead.getScalars())
        scalars.insert(scalar.getAsOpaquePointer());
    for (bool isScalar : {false, true})
      for (BlockArgument argument : family_.getInputs()) {
        if (!needed.contains(argument.getAsOpaquePointer()) ||
            scalars.contains(argument.getAsOpaquePointer()) != isScalar)
          continue;
        auto slot = static_cast<uint16_t>(out_.inputs.size());
        nodes_[argument] = slot;
        out_.inputs.push_back(argument.getArgNumber());
        auto type = cast<ckpt::ValueType>(argument.getType());
        if (!add({isScalar ? recipe::Op::Scalar : recipe::Op::Load, type.getDType(),
                  recipe::Overflow::Ieee, 0, 0, slot}))
          return tooLong();
      }
    return success();
  }

  /// The node of a value, after those of what it is computed from. Chains are as long as their
  /// text: a stack, not recursion.
  FailureOr<uint16_t> nodeOf(Value value) {
    SmallVector<Value> open{withoutAddressing(value)};
    if (!open.back())
      return failure();
    Value wanted = open.back();
    while (!open.empty()) {
      Operation *op = nodes_.count(open.back()) ? nullptr : open.back().getDefiningOp();
      if (!op) { // known, as all loads are
        open.pop_back();
        continue;
      }
      SmallVector<uint16_t> operands;
      SmallVector<Value> missing;
      for (Value operand : op->getOperands()) {
        Value source = withoutAddressing(operand);
        if (!source)
          return failure();
        if (auto known = nodes_.find(source); known != nodes_.end())
          operands.push_back(known->second);
        else
          missing.push_back(source);
      }
      if (!missing.empty()) {
        open.append(missing.rbegin(), missing.rend());
        continue;
      }
      Node node = computed(op, operands);
      if (!node)
        return tooLong();
      nodes_[open.pop_back_val()] = *node;
    }
    return nodes_.at(wanted);
  }

  Node computed(Operation *op, ArrayRef<uint16_t> operands) {
    if (auto cast = dyn_cast<ckpt::CastOp>(op))
      return equalNode({recipe::Op::Cast, cast.getTargetDType(), cast.getRecipeOverflow(),
                        operands.front(), 0, 0});
    auto wide = [&](uint16_t operand) {
      return castNode(operand, DType::F64, recipe::Overflow::Ieee);
    };
    Node result;
    if (auto ahead = dyn_cast<ckpt::ExtrapolateOp>(op)) {
      result = extrapolated(ahead, llvm::map_to_vector(operands, wide));
    } else {
      Node sum = wide(operands.front());
      for (uint16_t operand : operands.drop_front())
        sum = arithmetic(recipe::Op::Add, sum, wide(operand));
      result = arithmetic(recipe::Op::Divide, sum, Node(0), static_cast<uint16_t>(operands.size()));
    }
    DType type = llvm::cast<ckpt::ValueType>(op->getResult(0).getType()).getDType();
    // The mean of finite values is no larger than the largest of them: nothing overflows. What is
    // predicted may, in a type without infinities.
    recipe::Overflow overflow =
        type == DType::F8E4M3FN ? recipe::Overflow::Nan : recipe::Overflow::Ieee;
    return castNode(result, type, overflow);
  }

  /// `values` as the op's operands: weights, states, scalars.
  Node extrapolated(ckpt::ExtrapolateOp op, ArrayRef<Node> values) {
    using recipe::Op;
    Node weights = values.front();
    ArrayRef<Node> states = values.slice(1, op.getStates().size());
    ArrayRef<Node> scalars = values.drop_front(1 + states.size());
    Node direction;
    switch (op.getDirection()) {
    case ckpt::Direction::Velocity:
      direction = states[0];
      break;
    case ckpt::Direction::Momentum:
      direction = arithmetic(Op::Add, arithmetic(Op::Multiply, scalars[1], states[0]),
                             arithmetic(Op::Multiply, scalars[2], states[1]));
      break;
    case ckpt::Direction::Adam: {
      Node root = arithmetic(Op::SquareRoot, arithmetic(Op::Quotient, states[1], scalars[2]));
      direction = arithmetic(Op::Quotient, arithmetic(Op::Quotient, states[0], scalars[1]),
                             arithmetic(Op::Add, root, scalars[3]));
      break;
    }
    }
    if (op.getDecay())
      weights = arithmetic(Op::Multiply, weights, scalars.back());
    return arithmetic(Op::Subtract, weights, arithmetic(Op::Multiply, scalars[0], direction));
  }

  Node arithmetic(recipe::Op op, Node a, Node b = Node(0), uint16_t number = 0) {
    if (!a || !b)
      return std::nullopt;
    return equalNode({op, DType::F64, recipe::Overflow::Ieee, *a, *b, number});
  }

  Node castNode(Node from, DType to, recipe::Overflow overflow) {
    if (!from || out_.recipe.nodes[*from].type == to)
      return from;
    return equalNode({recipe::Op::Cast, to, overflow, *from, 0, 0});
  }

  /// The node that computes this already, or a new one.
  Node equalNode(const recipe::Node &wanted) {
    auto known = llvm::find(out_.recipe.nodes, wanted);
    if (known == out_.recipe.nodes.end()) {
      if (!add(wanted))
        return std::nullopt;
      known = std::prev(out_.recipe.nodes.end());
    }
    return static_cast<uint16_t>(known - out_.recipe.nodes.begin());
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
